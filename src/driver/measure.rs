//! Progress of a pair, for `--progress`.

use super::pair::Pair;
use crate::session::Side;

impl Pair {
    /// Tells the meter how much has passed: what was given and is not on its way any more.
    pub(super) fn measure(&self) {
        let Some(meter) = &self.meter else { return };
        for side in Side::BOTH {
            let on_the_way = self.pumps[side].waiting() + self.links[side.other()].queued() as u64;
            meter.pass(
                side as usize,
                match self.links[side].given() {
                    Some(given) => given.saturating_sub(on_the_way),
                    None => self.pumps[side].count.1 + self.links[side].begun(),
                },
            );
        }
    }
}
