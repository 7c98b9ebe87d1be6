//! The rules of telling. Pure: values in, decision out.
//!
//! Nothing in here is async, knows SQL or gRPC, reads a clock or draws a random number.

pub mod audience;
pub mod delivery;
pub mod mailbox;
pub mod recipient;
pub mod window;
