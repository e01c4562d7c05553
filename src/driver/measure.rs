//! Progress of a pair, for `--progress`.

use super::pair::Pair;

impl Pair {
    /// Tells the meter how much has passed: what was given and is not on its way any more.
    pub(super) fn measure(&self) {
        let Some(meter) = &self.meter else { return };
        for side in 0..2 {
            let on_the_way = self.pumps[side].waiting() + self.links[1 - side].queued() as u64;
            meter.pass(
                side,
                match self.links[side].given() {
                    Some(given) => given.saturating_sub(on_the_way),
                    None => self.pumps[side].count.1 + self.links[side].begun(),
                },
            );
        }
    }
}
