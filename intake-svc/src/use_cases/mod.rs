//! What intake does: one file a verb. Only here are transactions begun and committed.

pub mod erase_private_part;
pub mod follow_case;
pub mod keep_pictures;
pub mod petitioner;
pub mod rate_case;
pub mod read_private_part;
pub mod show_picture;
pub mod submit_case;
pub mod sweep_pictures;
pub mod track_case;
pub mod upload_picture;
pub mod withdraw_case;
