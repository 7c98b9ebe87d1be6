//! What intake does: one file a verb. Only here are transactions begun and committed.

pub mod erase_private_part;
pub mod follow_case;
pub mod rate_case;
pub mod read_private_part;
pub mod submit_case;
pub mod track_case;
