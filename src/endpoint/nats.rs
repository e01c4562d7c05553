//! `nats:` and `nats+tls:`: a subject of a NATS server, the fan-out that outgrows one machine.

use super::{Endpoint, Flags, Kind, OpenContext, Opened, OpenedLink, Opening, Opens, Role, Scheme};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::room::Member,
    nats::{NatsUrl, Terms},
    tls::Sni,
};

pub(super) const NATS: Scheme = Scheme {
    name: "nats",
    form: "nats://HOST[:4222]/SUBJECT",
    example: "nats://127.0.0.1:4222/room",
    summary: "subject of a NATS server: fan-out between processes and machines",
    kind: Kind::Subject,
    flags: Flags::NONE,
    a: true,
    b: true,
    parse,
};

pub(super) const NATS_TLS: Scheme = Scheme {
    name: "nats+tls",
    form: "nats+tls://HOST[:4222]/SUBJECT",
    example: "nats+tls://nats.example.com:4222/room",
    summary: "the same, over TLS whether the server asks for it or not",
    kind: Kind::Subject,
    flags: Flags { secure: true, ..Flags::NONE },
    a: true,
    b: true,
    parse,
};

fn parse(text: &str) -> Result<Box<dyn Endpoint>> {
    Ok(Box::new(Subject(NatsUrl::parse(text)?)))
}

struct Subject(NatsUrl);

impl Subject {
    async fn join(&self, context: &OpenContext, role: Role, alone: bool) -> Result<Member> {
        // `--recv-only` and `--send-only` are about A, the first endpoint or the clients.
        let listen_only = role == Role::B && !context.reads_input();
        let speak_only = role == Role::B && !context.writes_output() && alone;
        if self.0.is_wild() && role == Role::B && !listen_only {
            let cause = format!("{} stands for many subjects: nothing can be published to it", self.0);
            return Err(Fault::new(Exit::Malformed, "endpoint", cause)
                .hint("add --recv-only to listen only, or name one subject"));
        }
        if let Sni::Name(_) = context.common.client_tls.sni {
            return Err(Fault::new(Exit::Usage, "usage", "--sni NAME is not for nats:")
                .hint("write the name that the certificate has into the URL, or --sni none"));
        }
        if !self.0.server.tls {
            let secure = self.0.to_string().replacen("nats:", "nats+tls:", 1);
            context.demand_tls(&format!("{}, unless its server asks for it,", self.0), &secure)?;
        }
        let own_files =
            context.common.client_tls.cacert.is_some() || context.common.client_tls.cert.is_some();
        let tls = match context.connector().await {
            Ok(connector) => Some(connector.config()),
            // A server that speaks plain text needs no roots.
            Err(_) if !self.0.server.tls && !own_files => None,
            Err(fault) => return Err(fault),
        };
        let terms = Terms {
            kind: context.framings.kind,
            max_message: context.common.max_message,
            connect_timeout: context.common.connect_timeout,
            tls,
            alone,
            listen_only,
            speak_only,
            reporter: context.reporter.clone(),
        };
        context.brokers.join(&self.0, terms).await
    }
}

impl Endpoint for Subject {
    fn describe(&self) -> String {
        self.0.to_string()
    }

    fn prepare<'a>(&'a self, context: &'a OpenContext) -> Opens<'a, Result<()>> {
        Box::pin(async move { self.join(context, Role::B, false).await.map(drop) })
    }

    fn open<'a>(&'a self, context: &'a OpenContext, opening: Opening) -> Opens<'a, Result<Opened>> {
        Box::pin(async move {
            let member = self.join(context, opening.role, opening.client.is_none()).await?;
            let link = Box::new(member);
            Ok(OpenedLink::new(link, self.describe()).into())
        })
    }
}
