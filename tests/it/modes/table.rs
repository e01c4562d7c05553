//! The modes: each way to run the program that the table of options tells apart.

/// One way to run the program, as the command line says it.
pub struct Mode {
    pub name: &'static str,
    /// `{url}`, `{tcp}` and the like stand for what a scene has.
    pub args: &'static [&'static str],
    /// What comes on standard input.
    pub input: &'static str,
    /// A mode whose trials fit this one too, where it has none of its own.
    like: &'static [&'static str],
    /// The options that make it what it is.
    pub own: &'static [&'static str],
}

impl Mode {
    /// Whether it is called so, or is one of these: of a subcommand, or like another mode.
    pub fn is_of(&self, names: &[&str]) -> bool {
        names.contains(&self.name)
            || names.contains(&self.args[0]) && self.args[0] != "connect"
            || self.like.iter().any(|name| names.contains(name))
    }

    pub fn has(&self, option: &str) -> bool {
        self.own.contains(&option)
    }

    /// Whether clients come to it.
    pub fn serves(&self) -> bool {
        self.args[0] == "listen" || self.args.iter().any(|arg| arg.contains("-listen:"))
    }
}

const LINES: &str = "one\ntwo\n";

/// The modes: `connect` by what it does, the others by what their ends are.
pub const MODES: &[Mode] = &[
    Mode { name: "connect", args: &["connect", "{url}"], input: LINES, like: &[], own: &[] },
    Mode { name: "check", args: &["connect", "{url}", "--check"], input: "", like: &[], own: &["check"] },
    Mode { name: "ping", args: &["connect", "{url}", "--ping", "1"], input: "", like: &[], own: &["ping"] },
    Mode {
        name: "script",
        args: &["connect", "{url}", "--script", "{script}"],
        input: "",
        like: &[],
        own: &["script"],
    },
    Mode { name: "listen std", args: &["listen", "127.0.0.1:0"], input: LINES, like: &[], own: &[] },
    Mode {
        name: "listen once",
        args: &["listen", "127.0.0.1:0", "--once"],
        input: "",
        like: &[],
        own: &["once"],
    },
    Mode {
        name: "listen echo",
        args: &["listen", "127.0.0.1:0", "--echo"],
        input: "",
        like: &[],
        own: &["echo"],
    },
    Mode {
        name: "listen relay",
        args: &["listen", "127.0.0.1:0", "--relay"],
        input: "",
        like: &[],
        own: &["relay"],
    },
    Mode {
        name: "listen to tcp",
        args: &["listen", "127.0.0.1:0", "--to", "tcp:{tcp}"],
        input: "",
        like: &[],
        own: &["to"],
    },
    Mode {
        name: "listen to ws",
        args: &["listen", "127.0.0.1:0", "--to", "{url}"],
        input: "",
        like: &[],
        own: &["to"],
    },
    Mode {
        name: "listen to hub",
        args: &["listen", "127.0.0.1:0", "--to", "hub:x"],
        input: "",
        like: &[],
        own: &["to"],
    },
    Mode {
        name: "listen program",
        args: &["listen", "127.0.0.1:0", "--", "sh", "{program}", "{tmp}/file", "{tmp}/script"],
        input: "",
        like: &[],
        own: &[],
    },
    Mode {
        name: "listen script",
        args: &["listen", "127.0.0.1:0", "--script", "{played}"],
        input: "",
        like: &[],
        own: &["script"],
    },
    Mode { name: "pipe - ws", args: &["pipe", "-", "{url}"], input: LINES, like: &[], own: &[] },
    Mode { name: "pipe ws -", args: &["pipe", "{url}", "-"], input: LINES, like: &[], own: &[] },
    Mode { name: "pipe tcp ws", args: &["pipe", "tcp:{tcp}", "{url}"], input: "", like: &[], own: &[] },
    Mode { name: "pipe - tcp", args: &["pipe", "-", "tcp:{tcp}"], input: LINES, like: &[], own: &[] },
    Mode {
        name: "pipe - exec",
        args: &["pipe", "-", "exec:sh {program} {tmp}/file {tmp}/script"],
        input: LINES,
        like: &[],
        own: &[],
    },
    Mode {
        name: "pipe ws-listen ws",
        args: &["pipe", "ws-listen:127.0.0.1:0", "{url}"],
        input: "",
        like: &[],
        own: &[],
    },
    Mode {
        name: "pipe ws-listen tcp",
        args: &["pipe", "ws-listen:127.0.0.1:0", "tcp:{tcp}"],
        input: "",
        like: &[],
        own: &[],
    },
    Mode {
        name: "pipe tcp-listen ws",
        args: &["pipe", "tcp-listen:127.0.0.1:0", "{url}"],
        input: "",
        like: &[],
        own: &[],
    },
    Mode {
        name: "listen to echo",
        args: &["listen", "127.0.0.1:0", "--to", "echo:"],
        input: "",
        like: &["listen echo"],
        own: &["to"],
    },
    Mode {
        name: "listen to unix",
        args: &["listen", "127.0.0.1:0", "--to", "unix:{tmp}/peer"],
        input: "",
        like: &["listen to tcp"],
        own: &["to"],
    },
    Mode {
        name: "listen to append",
        args: &["listen", "127.0.0.1:0", "--to", "append:{tmp}/file"],
        input: "",
        like: &[],
        own: &["to"],
    },
    Mode {
        name: "listen unix",
        args: &["listen", "unix:{tmp}/socket", "--echo"],
        input: "",
        like: &["listen echo"],
        own: &["echo"],
    },
    Mode {
        name: "pipe - unix",
        args: &["pipe", "-", "unix:{tmp}/peer"],
        input: LINES,
        like: &["pipe - tcp"],
        own: &[],
    },
    Mode {
        name: "pipe unix-listen ws",
        args: &["pipe", "unix-listen:{tmp}/socket", "{url}"],
        input: "",
        like: &["pipe tcp-listen ws"],
        own: &[],
    },
    Mode {
        name: "pipe tls-listen ws",
        args: &["pipe", "tls-listen:127.0.0.1:0", "{url}", "--self-signed"],
        input: "",
        like: &["pipe tcp-listen ws"],
        own: &["self_signed"],
    },
    Mode {
        name: "pipe ws-listen unix",
        args: &["pipe", "ws-listen:127.0.0.1:0", "unix:{tmp}/peer"],
        input: "",
        like: &["pipe ws-listen tcp"],
        own: &[],
    },
    Mode {
        name: "pipe ws-listen hub",
        args: &["pipe", "ws-listen:127.0.0.1:0", "hub:x"],
        input: "",
        like: &["listen to hub", "listen"],
        own: &[],
    },
    Mode {
        name: "pipe ws-listen exec",
        args: &[
            "pipe",
            "ws-listen:127.0.0.1:0",
            "exec:sh {program} {tmp}/file {tmp}/script",
            "--framing",
            "lines",
        ],
        input: "",
        like: &["listen program", "listen"],
        own: &["framing"],
    },
    Mode {
        name: "pipe file ws",
        args: &["pipe", "file:{tmp}/lines", "{url}"],
        input: "",
        like: &["pipe tcp ws"],
        own: &[],
    },
];
