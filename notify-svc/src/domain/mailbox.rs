//! A recipient's sequence: how far it goes, and how far the recipient has come.

/// The counters of one mailbox. Both are 0 before the first notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mailbox {
    /// Position of the latest notification.
    pub last_position: u64,
    /// Everything up to this position has reached the recipient.
    pub acknowledged_position: u64,
}

/// Why a position is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PositionRefused {
    /// There is no such notification yet.
    #[error("is {asked}, beyond the last notification; 0 to {last_position} would be right")]
    BeyondLast {
        /// The position of the request.
        asked: u64,
        /// The latest there is.
        last_position: u64,
    },
    /// More has been acknowledged already.
    #[error(
        "position {asked} lies before position {acknowledged_position}, which has been acknowledged already"
    )]
    Backwards {
        /// The position of the request.
        asked: u64,
        /// How far the recipient has come.
        acknowledged_position: u64,
    },
}

impl Mailbox {
    /// The position after which a stream begins: the one asked for, or the last one acknowledged.
    ///
    /// # Errors
    /// When the position asked for does not exist yet: the client has it from somewhere else, and would wait in vain.
    pub const fn begin_after(self, asked: Option<u64>) -> Result<u64, PositionRefused> {
        match asked {
            None => Ok(self.acknowledged_position),
            Some(asked) if asked > self.last_position => {
                Err(PositionRefused::BeyondLast { asked, last_position: self.last_position })
            }
            Some(asked) => Ok(asked),
        }
    }

    /// The mailbox after an acknowledgement. The same one again changes nothing.
    ///
    /// # Errors
    /// When the position goes back, or does not exist yet.
    pub const fn acknowledge(self, asked: u64) -> Result<Self, PositionRefused> {
        if asked > self.last_position {
            return Err(PositionRefused::BeyondLast { asked, last_position: self.last_position });
        }
        if asked < self.acknowledged_position {
            let acknowledged_position = self.acknowledged_position;
            return Err(PositionRefused::Backwards { asked, acknowledged_position });
        }
        Ok(Self { acknowledged_position: asked, ..self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAILBOX: Mailbox = Mailbox { last_position: 7, acknowledged_position: 3 };

    #[test]
    fn a_stream_begins_where_the_client_says_or_after_the_last_acknowledged() {
        assert_eq!(MAILBOX.begin_after(None), Ok(3));
        assert_eq!(MAILBOX.begin_after(Some(0)), Ok(0));
        assert_eq!(MAILBOX.begin_after(Some(7)), Ok(7));
        assert_eq!(
            MAILBOX.begin_after(Some(8)),
            Err(PositionRefused::BeyondLast { asked: 8, last_position: 7 })
        );
        assert_eq!(Mailbox::default().begin_after(None), Ok(0));
    }

    #[test]
    fn an_acknowledgement_goes_forward_within_what_there_is() {
        assert_eq!(MAILBOX.acknowledge(3), Ok(MAILBOX));
        assert_eq!(MAILBOX.acknowledge(7).map(|mailbox| mailbox.acknowledged_position), Ok(7));
        assert_eq!(
            MAILBOX.acknowledge(2),
            Err(PositionRefused::Backwards { asked: 2, acknowledged_position: 3 })
        );
        assert_eq!(
            MAILBOX.acknowledge(u64::MAX),
            Err(PositionRefused::BeyondLast { asked: u64::MAX, last_position: 7 })
        );
    }
}
