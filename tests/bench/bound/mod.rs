//! What is possible: the same work by hand on blocking sockets and `epoll`, without a thought for anything that may
//! go wrong. The harness starts itself as such a program, so that a bound is measured as any other.

mod client;
mod server;

/// Runs the bound that the arguments name.
pub fn run(args: &[String]) {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["send", what, url] => client::send(what, url),
        ["receive", what, url] => client::receive(what, url),
        ["converse", url] => client::converse(url),
        ["echo", port, threads] => server::echo(port.parse().unwrap(), threads.parse().unwrap()),
        ["fanout", port, threads] => server::fan_out(port.parse().unwrap(), threads.parse().unwrap()),
        ["nothing"] => Ok(()),
        _ => panic!("no bound: {args:?}"),
    };
    done.unwrap();
}
