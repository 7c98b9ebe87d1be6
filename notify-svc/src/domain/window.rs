//! What one subscriber is to be sent next: straight from memory while that is whole, from the database when it is not.
//!
//! A window holds the notifications that follow the last one sent, without a gap and within fixed bounds. What arrives
//! and does not fit, because something before it is missing or because the client is slow, is let go: the window then
//! remembers only that the database has more, and asks for it when it has been emptied. So a slow client costs a
//! bounded amount of memory, and nothing is skipped however notifications and wake-ups are lost, doubled or reordered.

use std::collections::VecDeque;

use super::delivery::Notification;

/// How much a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowBounds {
    /// Notifications, at most.
    pub notifications: usize,
    /// Encoded events, at most; a single larger one is let in when the window is empty.
    pub bytes: usize,
}

/// The next notifications of one subscriber.
#[derive(Debug)]
pub struct Window {
    bounds: WindowBounds,
    /// Last position taken out.
    sent: u64,
    /// Last position that is in the window or was.
    tail: u64,
    /// Highest position known to be committed, of those heard of since the last read began.
    heard: u64,
    /// The database has, or may have, what follows `tail`.
    must_read: bool,
    ready: VecDeque<Notification>,
    ready_bytes: usize,
}

/// What to do for a subscriber now.
#[derive(Debug)]
pub enum Next {
    /// Send this.
    Send(Notification),
    /// Read from the database what follows this position, then call [`Window::fill`].
    ReadAfter(u64),
    /// Nothing until something is heard.
    Wait,
}

impl Window {
    /// A window for a client that has everything up to `after`. It begins by reading, because what was committed before
    /// it could hear is in the database only.
    #[must_use]
    pub const fn after(after: u64, bounds: WindowBounds) -> Self {
        Self {
            bounds,
            sent: after,
            tail: after,
            heard: after,
            must_read: true,
            ready: VecDeque::new(),
            ready_bytes: 0,
        }
    }

    /// Takes a notification that was committed just now.
    pub fn push(&mut self, notification: &Notification) {
        if notification.position <= self.tail {
            return;
        }
        let follows = notification.position == self.tail + 1;
        if !self.must_read && follows && self.has_room_for(notification) {
            self.append(notification.clone());
        } else {
            self.hear(notification.position);
        }
    }

    /// Learns that the mailbox reaches to a position.
    pub fn hear(&mut self, last_position: u64) {
        self.heard = self.heard.max(last_position);
        self.must_read |= last_position > self.tail;
    }

    /// Decides what to do now.
    pub fn decide(&mut self) -> Next {
        if let Some(notification) = self.ready.pop_front() {
            self.ready_bytes -= notification.size_bytes;
            self.sent = notification.position;
            return Next::Send(notification);
        }
        if self.must_read {
            // The read sees everything that was heard of before it. Only what is heard while it runs calls for
            // another one; so a false alarm costs one read, not one after the other.
            self.heard = self.tail;
            return Next::ReadAfter(self.tail);
        }
        Next::Wait
    }

    /// Takes the page that was read after [`Next::ReadAfter`], in order of positions. `more` says that the page was cut
    /// off. Pages have bounds of their own, so what is read is kept whole.
    pub fn fill(&mut self, page: Vec<Notification>, more: bool) {
        for notification in page {
            if notification.position > self.tail {
                self.append(notification);
            }
        }
        self.must_read = more || self.heard > self.tail;
    }

    /// Whether there is nothing to send and nothing to read.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.ready.is_empty() && !self.must_read
    }

    /// The last position taken out.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// The last position that needs not be heard of again.
    #[must_use]
    pub const fn tail(&self) -> u64 {
        self.tail
    }

    /// Lets go of what is held, for a client that will not be sent it.
    pub fn clear(&mut self) {
        self.ready = VecDeque::new();
        self.ready_bytes = 0;
        self.must_read = false;
    }

    fn has_room_for(&self, notification: &Notification) -> bool {
        self.ready.is_empty()
            || (self.ready.len() < self.bounds.notifications
                && self.ready_bytes + notification.size_bytes <= self.bounds.bytes)
    }

    fn append(&mut self, notification: Notification) {
        self.tail = notification.position;
        self.ready_bytes += notification.size_bytes;
        self.ready.push_back(notification);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    const BOUNDS: WindowBounds = WindowBounds { notifications: 4, bytes: 1_000 };

    fn notification(position: u64) -> Notification {
        Notification { position, event: Arc::default(), size_bytes: 100 }
    }

    fn live_after(position: u64) -> Window {
        let mut window = Window::after(position, BOUNDS);
        assert!(matches!(window.decide(), Next::ReadAfter(after) if after == position));
        window.fill(Vec::new(), false);
        window
    }

    fn sent(window: &mut Window) -> Vec<u64> {
        std::iter::from_fn(|| match window.decide() {
            Next::Send(notification) => Some(notification.position),
            Next::ReadAfter(_) | Next::Wait => None,
        })
        .collect()
    }

    #[test]
    fn what_follows_is_sent_from_memory() {
        let mut window = live_after(5);
        window.push(&notification(6));
        window.push(&notification(7));
        assert_eq!(sent(&mut window), [6, 7]);
        assert!(matches!(window.decide(), Next::Wait));
        assert_eq!(window.sent(), 7);
    }

    #[test]
    fn what_was_sent_is_not_sent_again() {
        let mut window = live_after(5);
        window.push(&notification(6));
        assert_eq!(sent(&mut window), [6]);
        window.push(&notification(5));
        window.push(&notification(6));
        window.hear(6);
        assert!(matches!(window.decide(), Next::Wait));
    }

    #[test]
    fn a_gap_is_read_from_the_database() {
        let mut window = live_after(5);
        window.push(&notification(6));
        window.push(&notification(8));
        assert_eq!(sent(&mut window), [6]);
        assert!(matches!(window.decide(), Next::ReadAfter(6)));
        window.fill(vec![notification(7), notification(8)], false);
        window.push(&notification(9));
        assert_eq!(sent(&mut window), [7, 8, 9]);
    }

    #[test]
    fn what_is_heard_while_reading_is_read_next() {
        let mut window = live_after(0);
        window.hear(2);
        assert!(matches!(window.decide(), Next::ReadAfter(0)));
        window.push(&notification(3));
        window.fill(vec![notification(1), notification(2)], false);
        assert_eq!(sent(&mut window), [1, 2]);
        assert!(matches!(window.decide(), Next::ReadAfter(2)));
    }

    #[test]
    fn a_page_that_was_cut_off_is_followed_by_the_next() {
        let mut window = Window::after(0, BOUNDS);
        assert!(matches!(window.decide(), Next::ReadAfter(0)));
        window.fill(vec![notification(1), notification(2)], true);
        assert_eq!(sent(&mut window), [1, 2]);
        assert!(matches!(window.decide(), Next::ReadAfter(2)));
    }

    #[test]
    fn a_false_alarm_costs_one_read() {
        let mut window = live_after(5);
        window.hear(1_000_000);
        assert!(matches!(window.decide(), Next::ReadAfter(5)));
        window.fill(Vec::new(), false);
        assert!(matches!(window.decide(), Next::Wait));
    }

    #[test]
    fn a_slow_client_holds_a_bounded_number() {
        let mut window = live_after(0);
        for position in 1..=1_000 {
            window.push(&notification(position));
        }
        assert_eq!(sent(&mut window), [1, 2, 3, 4]);
        assert!(matches!(window.decide(), Next::ReadAfter(4)));
    }

    #[test]
    fn a_slow_client_holds_a_bounded_size() {
        let mut window = live_after(0);
        for position in 1..=4 {
            window.push(&Notification { size_bytes: 600, ..notification(position) });
        }
        assert_eq!(sent(&mut window), [1]);
        window.fill(Vec::new(), false);
        window.push(&Notification { size_bytes: 5_000, ..notification(2) });
        assert_eq!(sent(&mut window), [2], "a single large one fits into an empty window");
    }

    /// What may happen to a window, in any order.
    #[derive(Debug, Clone)]
    enum Happening {
        /// A replica commits this many and hands them over, in the given order or not at all.
        Commit { count: u64, told: bool, reversed: bool },
        /// The poll reads the mailbox.
        Poll,
        /// The client takes this many.
        Take(usize),
    }

    fn happening() -> impl Strategy<Value = Happening> {
        prop_oneof![
            (1_u64..8, any::<bool>(), any::<bool>()).prop_map(|(count, told, reversed)| Happening::Commit {
                count,
                told,
                reversed
            }),
            Just(Happening::Poll),
            (1_usize..12).prop_map(Happening::Take),
        ]
    }

    proptest! {
        #[test]
        fn a_client_sees_every_position_once_in_order(happenings in proptest::collection::vec(happening(), 1..80)) {
            const PAGE: u64 = 5;
            let mut window = Window::after(0, BOUNDS);
            let mut committed = 0;
            let mut seen = Vec::new();
            let step = |window: &mut Window, committed: u64, seen: &mut Vec<u64>| match window.decide() {
                Next::Send(notification) => seen.push(notification.position),
                Next::ReadAfter(after) => {
                    let end = committed.min(after + PAGE);
                    window.fill((after + 1..=end).map(notification).collect(), end < committed);
                }
                Next::Wait => {}
            };
            for happening in happenings {
                match happening {
                    Happening::Commit { count, told, reversed } => {
                        let mut positions: Vec<u64> = (committed + 1..=committed + count).collect();
                        committed += count;
                        if reversed {
                            positions.reverse();
                        }
                        for position in positions.into_iter().filter(|_| told) {
                            window.push(&notification(position));
                        }
                    }
                    Happening::Poll => window.hear(committed),
                    Happening::Take(steps) => (0..steps).for_each(|_| step(&mut window, committed, &mut seen)),
                }
                prop_assert!(window.ready.len() <= BOUNDS.notifications.max(usize::try_from(PAGE).unwrap()));
            }
            window.hear(committed);
            for _ in 0..(committed + 2) * 3 {
                step(&mut window, committed, &mut seen);
            }
            prop_assert_eq!(seen, (1..=committed).collect::<Vec<_>>());
        }
    }
}
