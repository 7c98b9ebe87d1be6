//! SQL, and nothing but SQL. Transactions are begun and committed by the use cases.

pub mod case_status;
pub mod pictures;
pub mod ratings;
pub mod refusals;
pub mod submissions;
pub mod withdrawals;
