"""Counts what held, what fell and what showed nothing, and says how to run again what fell."""

import collections
import threading


class Apart(str):
    """The outcome of a run that showed nothing, since what it is about did not happen; its text says why."""


class Report:
    """Lines on standard output; one a group of runs, and one more a run that fell."""

    def __init__(self, seed):
        self.seed, self.lock = seed, threading.Lock()
        self.groups, self.fell, self.skipped = {}, [], []
        # How many runs of each scenario showed nothing, by the reason.
        self.apart = collections.defaultdict(collections.Counter)
        # What runs then is killed, which proves nothing.
        self.interrupted = False

    def run(self, scenario, group, number, problems, words=""):
        """One run is over; `words` is a line about it that is always said."""
        if self.interrupted:
            return
        with self.lock:
            counts = self.groups.setdefault((scenario, group), [0, 0])
            counts[0] += 1
            if words:
                self._say(f"{scenario} {group} run {number}: {words}")
            if problems:
                counts[1] += 1
                self.fell.append((scenario, number))
                self._say(f"FELL {scenario} {group} run {number} seed {self.seed}: " + "; ".join(problems))

    def aside(self, scenario, reason):
        """One run is over that showed nothing."""
        with self.lock:
            self.apart[scenario][str(reason)] += not self.interrupted

    def note(self, words):
        with self.lock:
            self._say(words)

    def skip(self, scenario, reason):
        with self.lock:
            self.skipped.append(scenario)
            self._say(f"NOT RUN {scenario}: {reason}")

    def summary(self, scenario):
        """A line for each group of a scenario; where most are one run, only for those that fell."""
        with self.lock:
            groups = [(group, *counts) for (name, group), counts in sorted(self.groups.items()) if name == scenario]
            total, fallen = sum(runs for _, runs, _ in groups), sum(fell for _, _, fell in groups)
            apart = "".join(f", {count} {reason}" for reason, count in sorted(self.apart[scenario].items()))
            # Runs none of which showed anything are no proof that it holds.
            if apart and not total:
                self.fell.append((scenario, None))
            for group, runs, fell in groups:
                if fell or len(groups) <= 12:
                    self._say(f"{'FELL' if fell else 'held'} {scenario} {group}: {runs - fell} of {runs} held")
            verdict = "FELL" if fallen or (apart and not total) else "held"
            self._say(f"{verdict} {scenario}: {total - fallen} of {total} held{apart and '; apart' + apart[1:]}")

    def end(self):
        """The last lines; the exit code."""
        with self.lock:
            for scenario in dict.fromkeys(name for name, _ in self.fell):
                numbers = ",".join(str(number) for name, number in self.fell if name == scenario and number is not None)
                self._say(f"again: tests/soak/run {scenario} --seed {self.seed}" + (numbers and f" --only {numbers}"))
            for scenario in self.skipped:
                self._say(f"NOT RUN: {scenario}")
            runs = sum(count for count, _ in self.groups.values())
            apart = sum(sum(counts.values()) for counts in self.apart.values())
            self._say(f"{runs} runs, {len(self.fell)} fell, seed {self.seed}" + (f"; {apart} more showed nothing" if apart else ""))
            return 1 if self.fell else 0

    def _say(self, words):
        print(words, flush=True)
