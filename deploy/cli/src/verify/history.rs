//! What the leaves of a case mean, one after the other: how it stands, and what the units and representatives had to do
//! with it.
//!
//! Guarantees that all of it follows from the leaves alone, in the order of their versions: the definitions are those of
//! the contracts (`huying/ledger/v1`) and of `docs/figures.md`.

use super::{
    account::Account,
    moment::Moment,
    names::{Name, Names},
    told::{Rating, State, Told, Way, What},
};

/// What one unit had to do with one case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UnitPart {
    pub(crate) unit: Name,
    /// When the case was first assigned to it or held by it.
    pub(crate) received_at: Option<Moment>,
    /// Its first reply, or the first while it held the case, once it had received the case.
    pub(crate) first_replied_at: Option<Moment>,
    /// That reply came no later than the deadline before it, or, where none ran, than that of the case as a whole.
    pub(crate) replied_in_time: bool,
    /// There was such a reply before it had received the case: to one that the case goes on as part of.
    pub(crate) is_answered_along: bool,
    /// The latest rating of such a reply.
    pub(crate) rating: Option<Rating>,
    pub(crate) returned: u32,
    pub(crate) expired: u32,
    pub(crate) parts: u32,
    pub(crate) parts_answered: u32,
    pub(crate) transferred: u32,
    pub(crate) extensions_requested: u32,
    pub(crate) extensions_granted: u32,
    pub(crate) urged: u32,
    pub(crate) supervised: u32,
    pub(crate) criticised: u32,
}

impl UnitPart {
    /// The citizen has its answer, to the case or to one that the case went on as part of.
    pub(crate) fn is_answered(&self) -> bool {
        self.first_replied_at.is_some() || self.is_answered_along
    }

    /// It answered the case before it ever had it by itself, and has not replied to it since.
    pub(crate) fn is_only_answered_along(&self) -> bool {
        self.first_replied_at.is_none() && self.is_answered_along
    }
}

/// What one representative had to do with one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepresentativePart {
    pub(crate) representative: Name,
    /// When the case was submitted, if it is addressed to them.
    pub(crate) received_at: Option<Moment>,
    pub(crate) claimed_at: Option<Moment>,
    /// When they first told or answered the citizen something in their own name.
    pub(crate) first_answered_at: Option<Moment>,
    pub(crate) urged: u32,
    pub(crate) progress_reported: u32,
    pub(crate) last_act_at: Option<Moment>,
}

/// A case as far as its leaves were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) account: Account,
    /// Few, so a walk finds one.
    pub(crate) units: Vec<UnitPart>,
    pub(crate) representatives: Vec<RepresentativePart>,
    /// What it went through from unit to unit, each as [`flow`] has it.
    pub(crate) flows: Vec<Name>,
}

/// One way of a case under one name: month, way and units, in this order, with blanks in between.
pub(crate) fn flow(month: &str, way: &str, from: &str, to: &str) -> String {
    format!("{month} {way} {from} {to}")
}

/// Whether a reply is in time.
#[derive(Debug, Clone, Copy)]
struct Timely {
    /// By the deadline that ran before it, and by that of the case as a whole.
    for_region: bool,
    /// By the first of these that there is.
    for_unit: bool,
}

impl History {
    /// After the submission.
    pub(crate) fn open(told: &Told, names: &mut Names) -> Self {
        let (addressee_kind, addressee) = match &told.addressee {
            Some((kind, code)) => (names.name(kind), names.name(code)),
            None => (Name::default(), Name::default()),
        };
        let account = Account {
            version: told.version,
            kind: names.name(&told.kind),
            is_public: told.is_public,
            region: [0, 1, 2].map(|tier| names.name(&told.region[tier])),
            addressee_kind,
            addressee,
            category: names.name(&told.category),
            submitted_at: told.submitted_at,
            updated_at: told.occurred_at,
            state: State::Submitted,
            holder_office: Name::default(),
            responsible_unit: Name::default(),
            deadline_at: None,
            case_deadline_at: None,
            overdue: false,
            registered: false,
            open_parts: 0,
            petitioner_count: 1,
            merged_into: Name::default(),
            first_replied_at: None,
            replied_in_time: false,
            replied_unit: Name::default(),
            replied_holder: Name::default(),
            rating: None,
            returned: 0,
            extensions_granted: 0,
            supervised: 0,
            criticised: 0,
            closed_at: None,
            erased_before: 0,
        };
        let mut history = Self { account, units: Vec::new(), representatives: Vec::new(), flows: Vec::new() };
        let is_to_representative =
            told.addressee.as_ref().is_some_and(|(kind, code)| kind == "representative" && !code.is_empty());
        if is_to_representative {
            history.part_of_representative(addressee).received_at = Some(told.submitted_at);
        }
        history
    }

    /// Goes on by the next leaf.
    pub(crate) fn follow(&mut self, told: &Told, names: &mut Names) {
        let at = told.occurred_at;
        let (stage, whole) = (self.account.deadline_at, self.account.case_deadline_at);
        let in_time = Timely {
            for_region: [stage, whole].into_iter().flatten().all(|deadline| at <= deadline),
            for_unit: stage.or(whole).is_none_or(|deadline| at <= deadline),
        };
        self.stand(told, names);
        match &told.what {
            What::Registered => self.account.registered = true,
            What::Replied { unit, .. } => {
                let unit = names.name(unit);
                self.reply(unit, at, in_time);
            }
            What::Rated(rating) => {
                self.account.rating = Some(*rating);
                for unit in self.repliers() {
                    self.part_of_unit(unit).rating = Some(*rating);
                }
            }
            What::Returned { unit } => {
                self.account.returned += 1;
                let unit = names.name(unit);
                self.part_of_unit(unit).returned += 1;
                let holder = self.account.holder_office;
                self.hand_on(Way::Returned, unit, holder, at, names);
            }
            What::HandedOn { way, from, to } => {
                let (from, to) = (names.name(from), names.name(to));
                if *way == Way::Transferred {
                    self.part_of_unit(from).transferred += 1;
                }
                self.hand_on(*way, from, to, at, names);
            }
            What::ExtensionRequested { unit } => {
                self.part_of_unit(names.name(unit)).extensions_requested += 1;
            }
            What::ExtensionGranted { unit } => {
                self.account.extensions_granted += 1;
                self.part_of_unit(names.name(unit)).extensions_granted += 1;
            }
            What::Urged { unit, .. } => self.part_of_unit(names.name(unit)).urged += 1,
            What::Supervised { unit } => {
                self.account.supervised += 1;
                self.part_of_unit(names.name(unit)).supervised += 1;
            }
            What::Criticised { unit } => {
                self.account.criticised += 1;
                self.part_of_unit(names.name(unit)).criticised += 1;
            }
            What::PartsGiven { units } => {
                for unit in units {
                    self.part_of_unit(names.name(unit)).parts += 1;
                }
            }
            What::PartAnswered { unit } => self.part_of_unit(names.name(unit)).parts_answered += 1,
            What::Expired { unit } => self.part_of_unit(names.name(unit)).expired += 1,
            What::PrivatePartErased => self.account.erased_before = told.version,
            What::Submitted | What::Claimed | What::Progressed { .. } | What::Else => {}
        }
        if !told.representative.is_empty() {
            self.note_act(names.name(&told.representative), told);
        }
    }

    /// How the case stands now, and who receives it with that.
    fn stand(&mut self, told: &Told, names: &mut Names) {
        let account = &mut self.account;
        account.version = told.version;
        account.updated_at = told.occurred_at;
        account.category = names.name(&told.category);
        let Some(standing) = &told.standing else { return };
        account.state = standing.state;
        account.holder_office = names.name(&standing.holder_office);
        account.responsible_unit = names.name(&standing.responsible_unit);
        account.deadline_at = standing.deadline_at;
        account.case_deadline_at = match standing.state {
            // Its own citizen was told an end, by which the answer is judged.
            State::Merged => standing.case_deadline_at.or(account.case_deadline_at),
            State::Submitted
            | State::Registered
            | State::Assigned
            | State::InHandling
            | State::Replied
            | State::Closed
            | State::Declined
            | State::Withdrawn => standing.case_deadline_at,
        };
        account.overdue = standing.overdue;
        account.open_parts = standing.open_parts;
        account.petitioner_count = standing.petitioner_count;
        account.merged_into = names.name(&standing.merged_into);
        account.registered |= standing.state.implies_registration();
        account.closed_at = match standing.state {
            State::Closed => account.closed_at.or(Some(told.occurred_at)),
            State::Submitted
            | State::Registered
            | State::Assigned
            | State::InHandling
            | State::Replied
            | State::Declined
            | State::Withdrawn
            | State::Merged => None,
        };
        for unit in [account.holder_office, account.responsible_unit] {
            if !unit.is_empty() {
                self.part_of_unit(unit).received_at.get_or_insert(told.occurred_at);
            }
        }
    }

    fn reply(&mut self, unit: Name, at: Moment, in_time: Timely) {
        let account = &mut self.account;
        account.replied_unit = unit;
        account.replied_holder = account.holder_office;
        if account.first_replied_at.is_none() {
            (account.first_replied_at, account.replied_in_time) = (Some(at), in_time.for_region);
        }
        for unit in self.repliers() {
            let part = self.part_of_unit(unit);
            if part.received_at.is_none() {
                part.is_answered_along = true;
            } else if part.first_replied_at.is_none() {
                (part.first_replied_at, part.replied_in_time) = (Some(at), in_time.for_unit);
            }
        }
    }

    /// Notes a way. A case that goes on as part of another one takes none: that which is handed on is the other one.
    fn hand_on(&mut self, way: Way, from: Name, to: Name, at: Moment, names: &mut Names) {
        if self.account.state != State::Merged {
            let flow = flow(&at.month().to_string(), way.word(), names.text(from), names.text(to));
            self.flows.push(names.name(&flow));
        }
    }

    /// Who gave the latest reply, and who held the case then.
    fn repliers(&self) -> impl Iterator<Item = Name> + use<> {
        [self.account.replied_unit, self.account.replied_holder].into_iter().filter(|unit| !unit.is_empty())
    }

    fn note_act(&mut self, representative: Name, told: &Told) {
        let at = told.occurred_at;
        let part = self.part_of_representative(representative);
        part.last_act_at = part.last_act_at.max(Some(at));
        match &told.what {
            What::Claimed => drop(part.claimed_at.get_or_insert(at)),
            What::Progressed { by_representative: true } => {
                part.progress_reported += 1;
                part.first_answered_at.get_or_insert(at);
            }
            What::Replied { by_representative: true, .. } => drop(part.first_answered_at.get_or_insert(at)),
            What::Urged { by_representative: true, .. } => part.urged += 1,
            What::Submitted
            | What::Registered
            | What::Replied { by_representative: false, .. }
            | What::Rated(_)
            | What::Returned { .. }
            | What::Progressed { by_representative: false }
            | What::Urged { by_representative: false, .. }
            | What::HandedOn { .. }
            | What::ExtensionRequested { .. }
            | What::ExtensionGranted { .. }
            | What::Supervised { .. }
            | What::Criticised { .. }
            | What::PartsGiven { .. }
            | What::PartAnswered { .. }
            | What::Expired { .. }
            | What::PrivatePartErased
            | What::Else => {}
        }
    }

    fn part_of_unit(&mut self, unit: Name) -> &mut UnitPart {
        let place = self.units.iter().position(|part| part.unit == unit).unwrap_or_else(|| {
            self.units.push(UnitPart { unit, ..UnitPart::default() });
            self.units.len() - 1
        });
        &mut self.units[place]
    }

    fn part_of_representative(&mut self, representative: Name) -> &mut RepresentativePart {
        let of = |part: &RepresentativePart| part.representative == representative;
        let place = self.representatives.iter().position(of).unwrap_or_else(|| {
            self.representatives.push(RepresentativePart {
                representative,
                received_at: None,
                claimed_at: None,
                first_answered_at: None,
                urged: 0,
                progress_reported: 0,
                last_act_at: None,
            });
            self.representatives.len() - 1
        });
        &mut self.representatives[place]
    }
}

#[cfg(test)]
mod tests;
