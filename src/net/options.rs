//! Options of the command line and the environment for the way to a server.

use super::{
    Family, Interface, Proxies,
    overrides::{ConnectTo, Resolve},
};
use std::path::PathBuf;

/// Options of the command line and the environment for the way to a server.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// Addresses of this family only.
    pub family: Option<Family>,
    /// Interface or address that our end is bound to.
    pub interface: Option<Interface>,
    /// Other hosts and ports than the names say; the first that fits counts.
    pub connect_to: Vec<ConnectTo>,
    /// Addresses that the name service is not asked for; the last that fits counts.
    pub resolve: Vec<Resolve>,
    /// A Unix socket in place of any host.
    pub unix_socket: Option<PathBuf>,
    /// Proxies.
    pub proxies: Proxies,
}
