//! The page that gives the receipt. It is shown once, to whoever sent the form, and is found by no search.

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::{
    layout::{Indexing, Place, frame},
    rules_in_words::beijing_time,
};
use crate::use_cases::submit_case::Receipt;

pub(super) fn render(directory: &Directory, receipt: &Receipt) -> Markup {
    let code = receipt.code.to_string();
    let path = &receipt.region;
    let place: Vec<&str> = [Some(&path.municipal), path.district.as_ref(), path.township.as_ref()]
        .into_iter()
        .flatten()
        .filter_map(|code| directory.region(code.as_str()))
        .map(|region| region.name.as_str())
        .collect();
    frame(
        "已收到",
        Place::Write,
        Indexing::Refused,
        &html! {
            section.card.narrow.receipt {
                h1 { "已收到，谢谢您" span.en lang="en" { "Received, thank you" } }
                p { "请记下或截图保存您的查询码。凭它可以查看进度、评价结果，请不要告诉别人。" }
                div.code {
                    p.caption #code-caption { "查询码 " span.en lang="en" { "Receipt code" } }
                    p.value aria-labelledby="code-caption" {
                        // In two halves, so that a narrow screen breaks it in the middle.
                        @let (first, second) = code.split_at(code.len() / 2 + 1);
                        span.half { (first) }
                        span.half { (second) }
                    }
                }
                p.quiet { "它只在这里显示一次。We show it only here." }
                dl {
                    dt { "收到时间" span.en lang="en" { "Received" } }
                    dd { (beijing_time(receipt.received_at)) }
                    dt { "地区" span.en lang="en" { "Region" } }
                    dd { (place.join(" · ")) }
                    dt { "公开编号" span.en lang="en" { "Public number" } }
                    dd.mono { (receipt.case_id) }
                }
                form.actions method="post" action="/track" {
                    input type="hidden" name="receipt_code" value=(code);
                    button type="submit" { "查看进度" span.en lang="en" { "See how it goes" } }
                    a.button.second href="/" { "再写一件" }
                }
            }
            section.next.narrow {
                h2 { "接下来" span.en lang="en" { "What happens next" } }
                ol {
                    li { "人大机构登记您的事项，或按规则直接登记。" }
                    li { "交给承办单位办理，时限从交办时算起。" }
                    li { "承办单位答复后，您可以评价；没有解决的，可以要求继续办理。" }
                }
                p { "以后到“" a href="/track" { "查询进度" } "”页面输入查询码即可。" }
            }
        },
    )
}
