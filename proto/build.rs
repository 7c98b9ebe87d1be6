//! Compiles the contracts with protox, so that no protoc has to be installed.

use std::{env, fs, path::PathBuf};

use protox::prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = [
        "huying/events/v1/types.proto",
        "huying/events/v1/events.proto",
        "huying/events/v1/directory.proto",
        "huying/intake/v1/intake.proto",
        "huying/routing/v1/cases.proto",
        "huying/routing/v1/directory.proto",
        "huying/routing/v1/rules.proto",
        "huying/notify/v1/notify.proto",
        "huying/ledger/v1/ledger.proto",
        "huying/ledger/v1/log.proto",
        "huying/ledger/v1/figures.proto",
        "huying/ledger/v1/admin.proto",
        "huying/operations/v1/dead_letters.proto",
    ];
    println!("cargo:rerun-if-changed=huying");

    let descriptors = protox::compile(protos, ["."])?;
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;

    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
