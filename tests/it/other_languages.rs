//! A client made from the protos by another language's tools does the whole job.

use std::{path::PathBuf, process::Command};

use huying_tests::installation::{Installation, SERVICES};

#[tokio::test(flavor = "multi_thread")]
async fn a_python_client_made_by_grpcio_submits_handles_and_reads_a_case() {
    run("handle_a_case.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_department_in_python_that_was_cut_off_sees_each_assignment_once_and_answers_once() {
    run("watch_assignments.py").await;
}

async fn run(script: &str) {
    let installation = Installation::with_sample(1).await;
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let mut python = Command::new(huying_tests::environment("HUYING_TEST_PYTHON"));
    python.arg(script).arg(installation.directory.join("generated"));
    for service in SERVICES {
        python.env(
            format!("HUYING_{}", service.to_uppercase()),
            installation.grpc_url(service, 0).replace("http://", ""),
        );
    }
    python.env("TOKEN_DEPARTMENT", installation.token("department", "150802001-general", "150802001"));
    python.env("TOKEN_OFFICE", installation.token("office", "150802001-office", "150802001"));
    let output = tokio::task::spawn_blocking(move || python.output().unwrap()).await.unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    installation.stop().await;
}
