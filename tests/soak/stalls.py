def runs(options):
    return []
