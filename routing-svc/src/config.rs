//! Every setting of routing-svc, checked before a port is bound.
//!
//! Durations are written like `13d`, `36h` or `3s`, and are calendar time: a day is 24 hours.

use clap::Parser;
use huying_platform::settings::CommonSettings;
use jiff::SignedDuration;

use crate::domain::deadlines::Policies;

/// The longest limit that may be set: ten years.
const LIMIT_MAX_DAYS: u64 = 3_650;

/// Decides: the case, its tiers, units, rules and deadlines. The only owner of case state.
#[derive(Debug, Clone, Parser)]
#[command(name = "routing-svc", version, about)]
pub struct Settings {
    /// What every service has.
    #[command(flatten)]
    pub common: CommonSettings,

    /// Limits of the stages.
    #[command(flatten)]
    pub limits: Limits,
}

/// How long each stage may take, in calendar time.
#[derive(Debug, Clone, clap::Args)]
pub struct Limits {
    /// For an office to register and assign a case it holds
    #[arg(long, env = "HUYING_ASSIGN_WITHIN", default_value = "2d", value_parser = limit)]
    pub assign_within: SignedDuration,

    /// For a department to reply to a message 留言
    #[arg(long, env = "HUYING_REPLY_WITHIN_MESSAGE", default_value = "13d", value_parser = limit)]
    pub reply_within_message: SignedDuration,

    /// For a department to reply to a suggestion 建议
    #[arg(long, env = "HUYING_REPLY_WITHIN_SUGGESTION", default_value = "90d", value_parser = limit)]
    pub reply_within_suggestion: SignedDuration,

    /// For a department to reply to a project proposal 民生实事建议
    #[arg(long, env = "HUYING_REPLY_WITHIN_PROJECT_PROPOSAL", default_value = "90d", value_parser = limit)]
    pub reply_within_project_proposal: SignedDuration,

    /// For a department to reply to a comment on a draft 立法意见
    #[arg(long, env = "HUYING_REPLY_WITHIN_DRAFT_COMMENT", default_value = "30d", value_parser = limit)]
    pub reply_within_draft_comment: SignedDuration,

    /// For a department to reply to a wish for an appointment 约见
    #[arg(long, env = "HUYING_REPLY_WITHIN_APPOINTMENT", default_value = "7d", value_parser = limit)]
    pub reply_within_appointment: SignedDuration,

    /// For a department to answer again after a case was reopened
    #[arg(long, env = "HUYING_RE_ANSWER_WITHIN", default_value = "30d", value_parser = limit)]
    pub re_answer_within: SignedDuration,

    /// For the citizen to rate a reply; then the case closes by itself
    #[arg(long, env = "HUYING_RATING_WITHIN", default_value = "7d", value_parser = limit)]
    pub rating_within: SignedDuration,

    /// Between the expiry of a deadline and the next reminder of it
    #[arg(long, env = "HUYING_EXPIRY_REPEAT", default_value = "1d", value_parser = limit)]
    pub expiry_repeat: SignedDuration,
}

impl Limits {
    /// The limits as the rules know them.
    #[must_use]
    pub const fn policies(&self) -> Policies {
        Policies {
            assign_within: self.assign_within,
            reply_within_message: self.reply_within_message,
            reply_within_suggestion: self.reply_within_suggestion,
            reply_within_project_proposal: self.reply_within_project_proposal,
            reply_within_draft_comment: self.reply_within_draft_comment,
            reply_within_appointment: self.reply_within_appointment,
            re_answer_within: self.re_answer_within,
            rating_within: self.rating_within,
            expiry_repeat: self.expiry_repeat,
        }
    }
}

fn limit(text: &str) -> Result<SignedDuration, String> {
    let right = || format!("a duration from 1s to {LIMIT_MAX_DAYS}d would be right, such as 13d or 36h");
    let duration = humantime::parse_duration(text).map_err(|_| right())?;
    if (1..=LIMIT_MAX_DAYS * 86_400).contains(&duration.as_secs()) {
        SignedDuration::try_from(duration).map_err(|_| right())
    } else {
        Err(right())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_written_like_13d() {
        assert_eq!(limit("13d"), Ok(SignedDuration::from_hours(13 * 24)));
        assert_eq!(limit("3s"), Ok(SignedDuration::from_secs(3)));
        for wrong in ["", "13", "0s", "-1d", "20000d", "soon"] {
            assert!(limit(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_defaults_are_the_policies_of_the_domain() {
        let settings = Settings::try_parse_from([
            "routing-svc",
            "--database-url=postgres://localhost/routing",
            "--nats-url=nats://localhost",
            "--jwks=keys.json",
        ])
        .unwrap();
        assert_eq!(settings.limits.policies(), Policies::default());
    }
}
