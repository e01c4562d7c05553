//! Stand-in for the brokers in a program that was built without them.

use super::{NatsUrl, Terms};
use crate::{
    exit::Exit,
    fault::{Fault, Result},
    link::room::{Member, RoomRules},
};
use std::time::Duration;

/// No broker can be had.
pub struct NoBrokers;

impl NoBrokers {
    /// Nothing to keep.
    pub fn new(_: RoomRules) -> Self {
        Self
    }

    /// # Errors
    /// Exit 4, always.
    pub async fn join(&self, _: &NatsUrl, _: Terms) -> Result<Member> {
        Err(Fault::new(Exit::NotBuiltIn, "endpoint", "nats: is not built in")
            .hint("build wsio with it: cargo install --locked --path . --features nats"))
    }

    /// Nothing is under way.
    ///
    /// # Errors
    /// None.
    pub async fn finish(&self, _: Duration) -> Result<()> {
        Ok(())
    }
}
