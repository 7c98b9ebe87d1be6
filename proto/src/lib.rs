//! The contracts of Huying, generated from the `.proto` files beside this crate.
//!
//! The protos are the documentation: units, bounds and errors stand there. What they guarantee: a field is never
//! reused and an event is never redefined; `deploy/test` holds them to that with `buf breaking`.

/// All contracts as an encoded `FileDescriptorSet`, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

macro_rules! package {
    ($(#[$doc:meta])* $service:ident, $name:literal) => {
        $(#[$doc])*
        pub mod $service {
            /// Version 1 of the contract.
            pub mod v1 {
                #![allow(
                    missing_docs,
                    unreachable_pub,
                    missing_debug_implementations,
                    rustdoc::all,
                    clippy::all,
                    clippy::wildcard_enum_match_arm,
                    clippy::needless_pass_by_value
                )]
                tonic::include_proto!($name);
            }
        }
    };
}

package!(
    /// What the services tell each other, and the words all contracts share.
    events,
    "huying.events.v1"
);
package!(
    /// What citizens and handlers of private parts call.
    intake,
    "huying.intake.v1"
);
package!(
    /// What offices, departments and operators call.
    routing,
    "huying.routing.v1"
);
package!(
    /// How representatives and units hear what concerns them.
    notify,
    "huying.notify.v1"
);
package!(
    /// The public account.
    ledger,
    "huying.ledger.v1"
);
package!(
    /// What operators call on each service.
    operations,
    "huying.operations.v1"
);
