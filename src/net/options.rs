//! What the command line and the environment say about the way to a server.

use super::{
    Family, Interface, Proxies,
    detour::{ConnectTo, Resolve},
};
use std::path::PathBuf;

/// What the command line and the environment say about the way.
#[derive(Clone, Debug, Default)]
pub struct DialOptions {
    /// Addresses of this family only.
    pub family: Option<Family>,
    /// What our end is bound to.
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
