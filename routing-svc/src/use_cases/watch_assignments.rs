//! Follows what a unit is given and what is taken from it, from a cursor on.
//!
//! Positions commit in order, so reading on from the last one misses nothing and repeats nothing, whichever replica is
//! asked and however long nobody was.

use std::{collections::VecDeque, sync::Arc};

use huying_platform::{
    auth::{Principal, Role},
    codes::UnitCode,
    directory::Directory,
    status::chain,
};
use huying_proto::routing::v1::Assignment;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    assignment_feed::{AssignmentFeed, Seat},
    domain::authority::{covers_region, is_acted_for_by, is_within_scope},
    error::Error,
    service::Service,
    store::assignments::{last_positions, page},
};

/// Assignments read at once.
const PAGE: i64 = 500;

/// What a stream tells next.
#[derive(Debug)]
pub enum Told {
    /// An assignment. Boxed, because it is much larger than nothing.
    Assignment(Box<Assignment>),
    /// Nothing happened for a while.
    SignOfLife,
}

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
pub enum FollowingEnd {
    /// The server is being stopped.
    #[error("the server is being stopped")]
    Stopping,
    /// The assignments could not be read.
    #[error("the assignments could not be read")]
    Database(#[from] sqlx::Error),
}

/// One stream on its way.
#[derive(Debug)]
pub struct Following {
    db: PgPool,
    feed: Arc<AssignmentFeed>,
    seat: Seat,
    unit: UnitCode,
    cursor: u64,
    read: VecDeque<Assignment>,
}

/// Begins to follow a unit after a cursor.
///
/// # Errors
/// When the unit is unknown or not the caller's, the cursor is of no assignment yet, or there is no room.
pub async fn watch_assignments(
    service: &Service,
    principal: &Principal,
    unit: UnitCode,
    after: u64,
) -> Result<Following, Error> {
    admit(principal, &unit, &service.directory.load())?;
    let seat = service.feed.take_seat(&unit)?;
    let last = last_positions(&service.db, &[unit.to_string()]).await?.remove(unit.as_str()).unwrap_or(0);
    if after > last {
        let problem =
            format!("is {after}, and the last assignment of {unit} is {last}; 0 to {last} would be right");
        return Err(Error::InvalidField { field: "after_cursor", problem });
    }
    Ok(Following {
        db: service.db.clone(),
        feed: Arc::clone(&service.feed),
        seat,
        unit,
        cursor: after,
        read: VecDeque::new(),
    })
}

impl Following {
    /// Waits for what is to be told next.
    ///
    /// # Errors
    /// When the stream ends.
    pub async fn next(&mut self) -> Result<Told, FollowingEnd> {
        loop {
            if self.feed.stopping.is_cancelled() {
                return Err(FollowingEnd::Stopping);
            }
            if let Some(assignment) = self.read.pop_front() {
                self.cursor = assignment.cursor;
                return Ok(Told::Assignment(Box::new(assignment)));
            }
            // Marked as heard before reading: what is committed after the reading is heard of once more.
            self.seat.last_position.mark_unchanged();
            self.read_on().await?;
            if !self.read.is_empty() {
                continue;
            }
            tokio::select! {
                // The sender lives as long as the seat.
                _ = self.seat.last_position.changed() => {}
                () = self.feed.stopping.cancelled() => {}
                () = sleep(self.feed.bounds.sign_of_life) => return Ok(Told::SignOfLife),
            }
        }
    }

    async fn read_on(&mut self) -> sqlx::Result<()> {
        // The semaphore is never closed; if it were, reading without it would do no harm.
        let _reader = self.feed.readers.acquire().await;
        self.read = page(&self.db, &self.unit, self.cursor, PAGE).await?.into();
        Ok(())
    }
}

/// Tells the streams of this process what was committed, by this replica or another, until the process ends.
pub async fn keep_hearing(service: Service) {
    let mut ticks = interval(service.feed.bounds.poll_interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let units = service.feed.units();
        if units.is_empty() {
            continue;
        }
        match last_positions(&service.db, &units).await {
            Ok(last) => service.feed.hear(&last),
            Err(error) => tracing::warn!(error = chain(&error), "assignments not polled for"),
        }
    }
}

fn admit(principal: &Principal, unit: &UnitCode, directory: &Directory) -> Result<(), Error> {
    let Some(known) = directory.unit(unit.as_str()) else {
        return Err(Error::InvalidField { field: "unit", problem: format!("{unit} is unknown") });
    };
    let may_follow = match principal.role {
        Role::Operator | Role::Auditor => covers_region(principal, directory, &known.region),
        Role::Office => {
            is_acted_for_by(principal, unit.as_str(), directory) && is_within_scope(principal, directory)
        }
        Role::Department => principal.code == unit.as_str() && is_within_scope(principal, directory),
        Role::Representative => false,
    };
    if may_follow {
        return Ok(());
    }
    tracing::warn!(
        subject = principal.subject,
        role = ?principal.role,
        code = principal.code,
        %unit,
        "following denied"
    );
    Err(Error::OutOfScope)
}
