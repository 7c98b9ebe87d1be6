//! The pages on which a citizen takes a case back: asked once more, then thanked.

use maud::{Markup, html};

use super::{
    forms::{WebFault, WithdrawalForm},
    layout::{Indexing, Place, described_by, field_faults, frame, invalid, label},
    rules_in_words::Words,
};
use crate::domain::withdrawal::REASON_MAX_CHARS;

/// Asks whether it is meant.
pub(super) fn confirm(form: &WithdrawalForm, faults: &[WebFault]) -> Markup {
    frame(
        "撤回",
        Place::Track,
        Indexing::Refused,
        &html! {
            section.card.narrow {
                h1 { "确定要撤回吗？" span.en lang="en" { "Take it back?" } }
                p { "撤回后不再办理，也不能恢复；以后可以重新反映。已经公开的内容仍会保留在公开记录里。" }
                form method="post" action="/withdraw" {
                    input type="hidden" name="receipt_code" value=(form.receipt_code);
                    input type="hidden" name="idempotency_key" value=(form.idempotency_key);
                    input type="hidden" name="confirmed" value="yes";
                    div.field {
                        (label("reason", Words { zh: "撤回的原因", en: "Why" }, true))
                        p.hint #reason-hint { "会公开（遮盖个人信息），最多 " (REASON_MAX_CHARS) " 个字。" }
                        (field_faults("reason", faults))
                        textarea #reason name="reason" rows="3" maxlength=(REASON_MAX_CHARS)
                            aria-invalid=[invalid("reason", faults)]
                            aria-describedby=[described_by("reason", true, faults)] { "\n" (form.reason) }
                    }
                    div.actions { button type="submit" { "确定撤回" span.en lang="en" { "Yes, take it back" } } }
                }
                form.actions method="post" action="/track" {
                    input type="hidden" name="receipt_code" value=(form.receipt_code);
                    button.second type="submit" { "不撤回" span.en lang="en" { "No, go on" } }
                }
            }
        },
    )
}

/// Says that it was asked for.
pub(super) fn asked(receipt_code: &str) -> Markup {
    frame(
        "已申请撤回",
        Place::Track,
        Indexing::Refused,
        &html! {
            section.card.narrow {
                h1 { "已收到您的撤回申请" span.en lang="en" { "Your withdrawal is on its way" } }
                p { "一般几秒内生效。如果在这之前已经答复，就不能再撤回，进度页面会说明。" }
                form.actions method="post" action="/track" {
                    input type="hidden" name="receipt_code" value=(receipt_code);
                    button type="submit" { "查看进度" span.en lang="en" { "See how it goes" } }
                }
            }
        },
    )
}
