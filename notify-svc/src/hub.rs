//! The live subscribers of this process.
//!
//! A subscriber has a seat, and in it a [`Window`]. Whoever commits notifications pushes them to the hub, which puts
//! them into the windows of the mailbox's seats and never waits. A stream takes from its seat at the client's own pace:
//! it is asked for the next message only when the connection has room, so nothing queues up behind the window.
//!
//! Guaranteed: the number of seats, what each holds, and how long a client may leave something untaken are bounded.
//! Left to others: reading what is not in memory, and committing it in the first place.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::domain::{
    delivery::{Delivery, Notification},
    recipient::Recipient,
    window::{Next, Window, WindowBounds},
};

/// How much live subscribers may take up.
#[derive(Debug, Clone, Copy)]
pub struct HubBounds {
    /// Live streams of this process.
    pub subscribers: usize,
    /// Live streams of one mailbox in this process, so that one client in a loop does not shut out the others.
    pub subscribers_per_recipient: usize,
    /// What one stream holds in memory.
    pub window: WindowBounds,
    /// How long a client may leave a notification untaken.
    pub stall_max: Duration,
}

/// Where new notifications meet the streams that wait for them.
#[derive(Debug)]
pub struct Hub {
    bounds: HubBounds,
    stopping: CancellationToken,
    seats: Mutex<Seats>,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The process has as many streams as it takes.
    #[error("this server has {0} subscribers, as many as it takes")]
    Process(usize),
    /// The mailbox has as many streams as it may.
    #[error("this mailbox has {0} subscribers here, as many as it may")]
    Recipient(usize),
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The server is being stopped.
    Stopping,
    /// The client left something untaken for too long.
    TooSlow,
}

/// What a stream is to do now.
#[derive(Debug)]
pub enum Step {
    /// Send this.
    Send(Notification),
    /// Read what follows this position, and hand it to [`Subscription::fill`].
    ReadAfter(u64),
    /// End.
    End(Ended),
}

/// One stream's seat; given up when dropped.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    recipient: Recipient,
    seat: Arc<Seat>,
}

#[derive(Debug, Default)]
struct Seats {
    by_recipient: HashMap<Recipient, Vec<Arc<Seat>>>,
    count: usize,
}

#[derive(Debug)]
struct Seat {
    state: Mutex<SeatState>,
    changed: Notify,
}

#[derive(Debug)]
struct SeatState {
    window: Window,
    /// The stream is reading from the database, at our pace rather than the client's.
    reading: bool,
    /// Since when the client has left something untaken. Not set while there is nothing, or while reading.
    untaken_since: Option<Instant>,
    too_slow: bool,
}

impl Hub {
    /// A hub without subscribers. When `stopping` is cancelled, its streams end.
    #[must_use]
    pub fn new(bounds: HubBounds, stopping: CancellationToken) -> Arc<Self> {
        Arc::new(Self { bounds, stopping, seats: Mutex::default() })
    }

    /// Takes a seat for a client that has everything up to `after`.
    ///
    /// # Errors
    /// When there is none left.
    pub fn subscribe(self: &Arc<Self>, recipient: &Recipient, after: u64) -> Result<Subscription, Full> {
        let mut seats = self.seats();
        if seats.count >= self.bounds.subscribers {
            return Err(Full::Process(self.bounds.subscribers));
        }
        let neighbours = seats.by_recipient.entry(recipient.clone()).or_default();
        if neighbours.len() >= self.bounds.subscribers_per_recipient {
            return Err(Full::Recipient(self.bounds.subscribers_per_recipient));
        }
        let state = SeatState {
            window: Window::after(after, self.bounds.window),
            reading: false,
            untaken_since: Some(Instant::now()),
            too_slow: false,
        };
        let seat = Arc::new(Seat { state: Mutex::new(state), changed: Notify::new() });
        neighbours.push(Arc::clone(&seat));
        seats.count += 1;
        drop(seats);
        Ok(Subscription { hub: Arc::clone(self), recipient: recipient.clone(), seat })
    }

    /// Hands over what has just been committed.
    pub fn push(&self, deliveries: &[Delivery]) {
        let now = Instant::now();
        let seats = self.seats();
        if seats.count == 0 {
            return;
        }
        for delivery in deliveries {
            for seat in seats.by_recipient.get(&delivery.recipient).into_iter().flatten() {
                seat.change(now, |state| state.window.push(&delivery.notification));
            }
        }
    }

    /// Tells how far mailboxes reach; what their subscribers lack they will read.
    pub fn hear<'a>(&self, mailboxes: impl IntoIterator<Item = &'a (Recipient, u64)>) {
        let now = Instant::now();
        let seats = self.seats();
        for (recipient, last_position) in mailboxes {
            for seat in seats.by_recipient.get(recipient).into_iter().flatten() {
                seat.change(now, |state| state.window.hear(*last_position));
            }
        }
    }

    /// The mailboxes that somebody listens to, and the position up to which all their subscribers have heard.
    #[must_use]
    pub fn tails(&self) -> Vec<(Recipient, u64)> {
        let tail = |seats: &Vec<Arc<Seat>>| seats.iter().map(|seat| seat.state().window.tail()).min();
        self.seats()
            .by_recipient
            .iter()
            .filter_map(|(recipient, seats)| Some((recipient.clone(), tail(seats)?)))
            .collect()
    }

    /// Ends the streams whose clients have left something untaken for too long at `now`. Returns how many.
    ///
    /// Their memory is freed at once. They learn of it when they read again, if ever.
    pub fn end_stalled(&self, now: Instant) -> usize {
        let seats = self.seats();
        let mut ended = 0;
        for seat in seats.by_recipient.values().flatten() {
            let mut state = seat.state();
            let untaken = state.untaken_since.map(|since| now.saturating_duration_since(since));
            if !state.too_slow && untaken.is_some_and(|untaken| untaken > self.bounds.stall_max) {
                state.too_slow = true;
                state.untaken_since = None;
                state.window.clear();
                ended += 1;
            }
        }
        ended
    }

    /// How many live streams there are.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.seats().count
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        // Nothing in here panics half way through a change, so a poisoned lock still guards whole values.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, recipient: &Recipient, seat: &Arc<Seat>) {
        let mut seats = self.seats();
        let Some(neighbours) = seats.by_recipient.get_mut(recipient) else { return };
        neighbours.retain(|neighbour| !Arc::ptr_eq(neighbour, seat));
        if neighbours.is_empty() {
            seats.by_recipient.remove(recipient);
        }
        seats.count = seats.count.saturating_sub(1);
    }
}

impl Subscription {
    /// Whose mailbox it is.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// The last position taken.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.seat.state().window.sent()
    }

    /// Waits until there is something to do.
    pub async fn step(&mut self) -> Step {
        loop {
            if self.hub.stopping.is_cancelled() {
                return Step::End(Ended::Stopping);
            }
            if let Some(step) = self.seat.take() {
                return step;
            }
            tokio::select! {
                () = self.seat.changed.notified() => {}
                () = self.hub.stopping.cancelled() => {}
            }
        }
    }

    /// Takes what was read after [`Step::ReadAfter`]; see [`Window::fill`].
    pub fn fill(&mut self, page: Vec<Notification>, more: bool) {
        self.seat.change(Instant::now(), |state| {
            state.reading = false;
            state.window.fill(page, more);
        });
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.recipient, &self.seat);
    }
}

impl Seat {
    fn state(&self) -> MutexGuard<'_, SeatState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is to be sent and wakes the stream.
    fn change(&self, now: Instant, change: impl FnOnce(&mut SeatState)) {
        let mut state = self.state();
        if state.too_slow {
            return;
        }
        change(&mut state);
        if !state.reading && !state.window.is_idle() {
            state.untaken_since.get_or_insert(now);
        }
        drop(state);
        self.changed.notify_one();
    }

    fn take(&self) -> Option<Step> {
        let mut state = self.state();
        if state.too_slow {
            return Some(Step::End(Ended::TooSlow));
        }
        let step = match state.window.decide() {
            Next::Send(notification) => Some(Step::Send(notification)),
            Next::ReadAfter(after) => Some(Step::ReadAfter(after)),
            Next::Wait => None,
        };
        state.reading = matches!(step, Some(Step::ReadAfter(_)));
        let untaken = !state.reading && !state.window.is_idle();
        state.untaken_since = untaken.then(Instant::now);
        step
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use huying_platform::ids::EventId;

    use super::*;

    const BOUNDS: HubBounds = HubBounds {
        subscribers: 3,
        subscribers_per_recipient: 2,
        window: WindowBounds { notifications: 4, bytes: 1_000 },
        stall_max: Duration::from_secs(30),
    };

    fn hub() -> Arc<Hub> {
        Hub::new(BOUNDS, CancellationToken::new())
    }

    fn recipient(code: &str) -> Recipient {
        Recipient::representative(code).unwrap()
    }

    fn delivery(code: &str, position: u64) -> Delivery {
        Delivery {
            recipient: recipient(code),
            event_id: EventId::from_uuid(uuid::Uuid::nil()),
            notification: Notification { position, event: Arc::default(), size_bytes: 100 },
        }
    }

    fn live(hub: &Arc<Hub>, code: &str) -> Subscription {
        let mut subscription = hub.subscribe(&recipient(code), 0).unwrap();
        assert!(matches!(subscription.step().now_or_never(), Some(Step::ReadAfter(0))));
        subscription.fill(Vec::new(), false);
        subscription
    }

    fn position(step: Option<Step>) -> Option<u64> {
        match step? {
            Step::Send(notification) => Some(notification.position),
            Step::ReadAfter(_) | Step::End(_) => None,
        }
    }

    #[tokio::test]
    async fn what_is_committed_reaches_every_subscriber_of_the_mailbox_and_no_other() {
        let hub = hub();
        let (mut first, mut second, mut other) = (live(&hub, "r-1"), live(&hub, "r-1"), live(&hub, "r-2"));
        hub.push(&[delivery("r-1", 1)]);
        assert_eq!(position(Some(first.step().await)), Some(1));
        assert_eq!(position(Some(second.step().await)), Some(1));
        assert!(other.step().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_waiting_stream_is_woken() {
        let hub = hub();
        let mut subscription = live(&hub, "r-1");
        let waiting = tokio::spawn(async move { subscription.step().await });
        tokio::task::yield_now().await;
        hub.push(&[delivery("r-1", 1)]);
        assert_eq!(position(Some(waiting.await.unwrap())), Some(1));
    }

    #[tokio::test]
    async fn seats_are_bounded_and_given_up() {
        let hub = hub();
        let first = live(&hub, "r-1");
        let _second = live(&hub, "r-1");
        assert_eq!(hub.subscribe(&recipient("r-1"), 0).unwrap_err(), Full::Recipient(2));
        let _third = live(&hub, "r-2");
        assert_eq!(hub.subscribe(&recipient("r-3"), 0).unwrap_err(), Full::Process(3));
        drop(first);
        assert_eq!(hub.subscribers(), 2);
        let _fourth = live(&hub, "r-1");
        assert_eq!(hub.subscribers(), 3);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_ended_and_its_memory_freed() {
        let hub = hub();
        let mut subscription = live(&hub, "r-1");
        let begin = Instant::now();
        assert_eq!(hub.end_stalled(begin + BOUNDS.stall_max * 2), 0, "there is nothing to take");
        hub.push(&[delivery("r-1", 1), delivery("r-1", 2)]);
        assert_eq!(hub.end_stalled(begin + BOUNDS.stall_max / 2), 0, "there is still time");
        assert_eq!(hub.end_stalled(Instant::now() + BOUNDS.stall_max * 2), 1);
        hub.push(&[delivery("r-1", 3)]);
        assert!(matches!(subscription.seat.state().window.decide(), Next::Wait));
        assert!(matches!(subscription.step().await, Step::End(Ended::TooSlow)));
    }

    #[tokio::test]
    async fn a_client_that_does_not_even_let_us_read_is_ended() {
        let hub = hub();
        let mut subscription = hub.subscribe(&recipient("r-1"), 0).unwrap();
        assert!(matches!(subscription.step().await, Step::ReadAfter(0)));
        assert_eq!(
            hub.end_stalled(Instant::now() + BOUNDS.stall_max * 2),
            0,
            "the database is slow, not the client"
        );
        subscription.fill(Vec::new(), true);
        assert_eq!(hub.end_stalled(Instant::now() + BOUNDS.stall_max * 2), 1);
    }

    #[tokio::test]
    async fn a_stopping_server_ends_its_streams() {
        let stopping = CancellationToken::new();
        let hub = Hub::new(BOUNDS, stopping.clone());
        let mut waiting = live(&hub, "r-1");
        let mut busy = live(&hub, "r-2");
        let waiting = tokio::spawn(async move { waiting.step().await });
        tokio::task::yield_now().await;
        hub.push(&[delivery("r-2", 1)]);
        stopping.cancel();
        assert!(matches!(waiting.await.unwrap(), Step::End(Ended::Stopping)));
        assert!(matches!(busy.step().await, Step::End(Ended::Stopping)));
    }

    #[tokio::test]
    async fn the_poll_asks_from_the_slowest_of_a_mailbox() {
        let hub = hub();
        let _behind = live(&hub, "r-1");
        let mut ahead = hub.subscribe(&recipient("r-1"), 7).unwrap();
        assert!(matches!(ahead.step().await, Step::ReadAfter(7)));
        assert_eq!(hub.tails(), [(recipient("r-1"), 0)]);
        hub.hear(&[(recipient("r-1"), 8)]);
        ahead.fill(Vec::new(), false);
        assert!(matches!(ahead.step().await, Step::ReadAfter(7)), "8 was heard while the page was read");
    }
}
