//! TLS of a run: its client, the servers of its endpoints, and the judgement of their files.

use super::OpenContext;
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    net::ListenAddr,
    observe::Verbosity,
    tls::{Acceptor, ClientTls, Connector},
};

impl OpenContext {
    /// The TLS client, made at its first use.
    ///
    /// # Errors
    /// Exit 58, 77 or 82: files that cannot be used; 23 when the secrets cannot be written.
    pub async fn connector(&self) -> Result<&Connector> {
        let connector = self.made().await?;
        self.connector_noted.call_once(|| self.note_trust());
        self.note_key_log();
        Ok(connector)
    }

    /// Judges the files of TLS that were named, whether or not anything comes to be encrypted.
    ///
    /// # Errors
    /// Those of [`connector`](Self::connector).
    pub async fn check_files(&self) -> Result<()> {
        let tls = &self.common.client_tls;
        if tls.cacert.is_none() && tls.cert.is_none() && tls.crl.is_none() {
            return Ok(());
        }
        match self.made().await {
            // Nobody named the system's roots, and nobody may need them.
            Err(fault) if fault.exit == Exit::CaFile && tls.cacert.is_none() => Ok(()),
            made => made.map(drop),
        }
    }

    /// Fails where an option demands something of TLS and there is none.
    ///
    /// What merely permits or restricts whom TLS trusts may meet a plain connection; what names the only keys
    /// that are good, or a list that has to be looked at, must not seem to have been met by one.
    ///
    /// # Errors
    /// Exit 2, before anything is sent; `name` is the endpoint, `secure` what to write instead.
    pub fn demand_tls(&self, name: &str, secure: &str) -> Result<()> {
        let tls = &self.common.client_tls;
        let option = match (tls.pins.is_empty(), &tls.crl) {
            (false, _) => "--pin",
            (true, Some(_)) => "--crl",
            (true, None) => return Ok(()),
        };
        Err(Fault::new(Exit::Usage, "tls", format!("{option} demands TLS, and {name} has none"))
            .hint(format!("write {secure}, or leave {option} out")))
    }

    /// The TLS client of another origin than the one that was named, with what restricts alone.
    ///
    /// # Errors
    /// Those of [`connector`](Self::connector).
    pub async fn connector_for_strangers(&self) -> Result<&Connector> {
        let (tls, missing) = self.common.client_tls.for_strangers();
        if missing.is_empty() {
            return self.connector().await;
        }
        let made = self.connector_for_strangers.get_or_try_init(|| async { Connector::new(&tls) }).await?;
        self.note_key_log();
        Ok(made)
    }

    /// The server side of TLS of an endpoint that listens there; `name` is the endpoint.
    ///
    /// # Errors
    /// Exit 2 without a certificate, 58 and 77 for files that cannot be used.
    pub fn acceptor(
        &self,
        name: &str,
        address: &ListenAddr,
        alpn: Option<&'static [u8]>,
    ) -> Result<Acceptor> {
        match &self.common.server.tls {
            Some(tls) => Acceptor::new(tls, address.host(), alpn),
            None => Err(Fault::new(Exit::Usage, "usage", format!("{name} needs a certificate"))
                .hint("give --cert FILE and --key FILE, or --self-signed")),
        }
    }

    async fn made(&self) -> Result<&Connector> {
        let explains = self.common.client_tls.insecure && self.reporter.says(Verbosity::Verbose);
        let made = || async { Connector::new(&ClientTls { explains, ..self.common.client_tls.clone() }) };
        self.connector.get_or_try_init(made).await
    }

    fn note_trust(&self) {
        let tls = &self.common.client_tls;
        match (tls.insecure, tls.pins.is_empty()) {
            (true, true) => self.reporter.note(
                "certificates are not checked (--insecure): anyone on the way can read and change everything",
            ),
            (true, false) => {
                self.reporter.note("of certificates only the key is checked (--insecure and --pin)")
            }
            (false, _) => {}
        }
    }

    fn note_key_log(&self) {
        let Some(file) = &self.common.client_tls.key_log else { return };
        self.key_log_noted.call_once(|| {
            self.reporter.note(&format!(
                "the keys of TLS are written to {} (SSLKEYLOGFILE): whoever reads it can read everything",
                file.display()
            ));
        });
    }
}
