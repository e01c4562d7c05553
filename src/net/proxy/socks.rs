//! A tunnel through a SOCKS5 proxy (RFC 1928), with name and password (RFC 1929).
//!
//! Exactly the bytes of the exchange are read, so that a far end that speaks first loses nothing.

use super::Tunnel;
use crate::{
    fault::{Fault, Result},
    net::Stream,
    os_error,
};
use std::{io, net::IpAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const NAME_AND_PASSWORD: u8 = 2;
const NONE_OF_THESE: u8 = 0xff;

impl Tunnel<'_> {
    /// Asks for the tunnel, to the address where there is one and else to the name.
    ///
    /// # Errors
    /// Exit 97 with the proxy's reason in words.
    pub async fn by_socks(&self, mut stream: Stream, address: Option<IpAddr>) -> Result<Stream> {
        self.methods(&mut stream).await?;
        let mut request = vec![VERSION, 1, 0];
        let place = match address.or_else(|| self.host.parse().ok()) {
            Some(IpAddr::V4(v4)) => {
                request.push(1);
                request.extend(v4.octets());
                v4.to_string()
            }
            Some(IpAddr::V6(v6)) => {
                request.push(4);
                request.extend(v6.octets());
                format!("[{v6}]")
            }
            None => {
                let length = u8::try_from(self.host.len())
                    .map_err(|_| self.refused("takes no name of more than 255 bytes"))?;
                request.extend([3, length]);
                request.extend(self.host.as_bytes());
                self.host.to_owned()
            }
        };
        request.extend(self.port.to_be_bytes());
        self.tell(&format!("> connect to {place}:{}", self.port));
        self.send(&mut stream, &request).await?;
        let [version, reply, _, kind] = self.read(&mut stream).await?;
        if version != VERSION {
            return Err(self.stranger());
        }
        // The address that the proxy's own end is bound to is of no use here.
        let bound = match kind {
            1 => 4,
            4 => 16,
            3 => usize::from(self.read::<1>(&mut stream).await?[0]),
            _ => return Err(self.stranger()),
        };
        let mut waste = vec![0; bound + 2];
        stream.read_exact(&mut waste).await.map_err(|error| self.cut(&error))?;
        self.tell(&format!("< {}", meaning(reply)));
        if reply == 0 {
            return Ok(stream);
        }
        let fault = self.refused(&format!("gave no tunnel to {}: {}", self.goal(), meaning(reply)));
        Err(match reply {
            2 => fault.hint("ask whoever runs the proxy: its rules forbid it"),
            3 | 4 | 6 if address.is_some() => fault.hint("socks5h://, which lets the proxy look the name up"),
            1 | 3..=6 => fault.hint(format!("check the URL: the proxy cannot reach {}", self.goal())),
            8 => fault.hint("-4 or -6 for an address of the other kind"),
            _ => fault,
        })
    }

    /// Agrees on a way to log in, and logs in.
    async fn methods(&self, stream: &mut Stream) -> Result<()> {
        let login = self.chosen.proxy.login.as_ref();
        let greeting: &[u8] = match login {
            Some(_) => &[VERSION, 2, NO_LOGIN, NAME_AND_PASSWORD],
            None => &[VERSION, 1, NO_LOGIN],
        };
        self.send(stream, greeting).await?;
        let [version, method] = self.read(stream).await?;
        if version != VERSION {
            return Err(self.stranger());
        }
        match (method, login) {
            (NO_LOGIN, _) => Ok(()),
            (NAME_AND_PASSWORD, Some((name, password))) => {
                self.tell("> name and password [hidden]");
                let mut request = vec![1];
                for part in [name, password] {
                    // Their length was checked when the proxy was chosen.
                    request.push(u8::try_from(part.len()).unwrap_or(u8::MAX));
                    request.extend(part.as_bytes());
                }
                self.send(stream, &request).await?;
                match self.read(stream).await? {
                    [_, 0] => Ok(()),
                    _ => Err(self
                        .refused("does not take this name and password")
                        .hint("check the proxy's name and password")),
                }
            }
            (NONE_OF_THESE, None) => Err(self
                .refused("wants a login")
                .hint("give its name and password with --proxy-user NAME:PASSWORD")),
            (NONE_OF_THESE, Some(_)) => {
                Err(self.refused("takes neither a name and password nor a client without one"))
            }
            (method, _) => Err(self.refused(&format!("wants the login method {method}, which is not known"))),
        }
    }

    async fn send(&self, stream: &mut Stream, bytes: &[u8]) -> Result<()> {
        let sent = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        sent.await.map_err(|error| self.cut(&error))
    }

    async fn read<const N: usize>(&self, stream: &mut Stream) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match stream.read_exact(&mut bytes).await {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.cut(&error)),
        }
    }

    fn cut(&self, error: &io::Error) -> Fault {
        self.refused(&format!("broke off: {}", os_error::words(error)))
            .hint("http:// in front of its address, if it is a proxy of that kind")
    }

    fn stranger(&self) -> Fault {
        self.refused("does not answer in SOCKS5")
            .hint("http:// in front of its address, if it is a proxy of that kind")
    }
}

/// RFC 1928 section 6.
fn meaning(reply: u8) -> String {
    match reply {
        0 => "succeeded",
        1 => "general failure of the proxy",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "time to live expired",
        7 => "the proxy does not connect for anyone",
        8 => "this kind of address is not supported",
        other => return format!("reason {other}, which is not known"),
    }
    .to_owned()
}
