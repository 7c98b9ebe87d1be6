//! The page on which a citizen writes.

use huying_platform::directory::Directory;
use maud::{Markup, html};

use super::{
    forms::{KINDS, PUBLICATIONS, SubmissionForm, WebFault},
    layout::{self, Indexing, Place, both, described_by, field_faults, frame, invalid, label},
    rules_in_words::{self as words, Words},
};
use crate::domain::{
    picture::{PICTURES_MAX, PICTURES_MAX_BYTES},
    submission::{ADDRESS_MAX_CHARS, BODY_MAX_CHARS, NAME_MAX_CHARS, PHONE_MAX_CHARS, TITLE_MAX_CHARS},
};

/// Why the form is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notice {
    /// Something in it is not right.
    Faults,
    /// The key was used for another text.
    SentBefore,
    /// Too many are waiting.
    Busy,
    /// It may or may not have been kept.
    OutcomeUnknown,
    /// The pictures could not be stored, so nothing was.
    PicturesNotKept,
}

pub(super) fn render(
    directory: &Directory,
    form: &SubmissionForm,
    faults: &[WebFault],
    notice: Option<Notice>,
) -> Markup {
    let addressed = addressee_name(directory, form);
    let title = if notice.is_some() { "请检查后再提交" } else { "我要反映" };
    frame(
        title,
        Place::Write,
        Indexing::Allowed,
        &html! {
            section.intro {
                h1 { "有话对代表说" span.en lang="en" { "Write to your representatives" } }
                p {
                    "写下您的困难、建议或意见，由人大代表和有关单位办理并答复。不用注册，提交后会得到一个查询码。"
                }
                p.en lang="en" { "No account needed. You get a receipt code to follow your case." }
            }
            @if let Some(notice) = notice { (notice_box(notice, faults)) }
            form.card method="post" action="/submit" enctype="multipart/form-data" {
                input type="hidden" name="idempotency_key" value=(form.idempotency_key);
                input type="hidden" name="representative_code" value=(form.representative_code);
                input type="hidden" name="station_code" value=(form.station_code);

                @if let Some((whom, name)) = &addressed {
                    p.addressee { span.what { (both(*whom)) } strong { (name) } a href="/" { "不写给他们" } }
                }
                (kinds(form, faults))
                (regions(directory, form, faults, addressed.is_some()))
                (categories(directory, form, faults))

                div.field {
                    (label("title", Words { zh: "标题", en: "Title" }, false))
                    (field_faults("title", faults))
                    input #title type="text" name="title" value=(form.title) required maxlength=(TITLE_MAX_CHARS)
                        autocomplete="off" aria-invalid=[invalid("title", faults)]
                        aria-describedby=[described_by("title", false, faults)];
                }
                div.field {
                    (label("body", Words { zh: "内容", en: "What happened, what you wish" }, false))
                    p.hint #body-hint {
                        "什么时间、什么地点、什么事、希望怎样解决。最多 " (BODY_MAX_CHARS) " 个字。"
                        "请不要在这里写电话和身份证号，联系方式写在下面。"
                    }
                    (field_faults("body", faults))
                    // A browser drops the first line break after the tag; one of our own keeps the citizen's.
                    textarea #body name="body" rows="9" required maxlength=(BODY_MAX_CHARS)
                        aria-invalid=[invalid("body", faults)] aria-describedby=[described_by("body", true, faults)]
                        { "\n" (form.body) }
                }
                (pictures(form, faults))
                fieldset.private {
                    legend { (both(Words { zh: "怎么联系您", en: "How to reach you" })) span.optional { "选填" } }
                    p.hint { "不会公开。只有负责办理的单位能看到，每次查看都会留下公开记录。" }
                    (line("name", Words { zh: "姓名", en: "Name" }, "text", "name", &form.name, NAME_MAX_CHARS, faults))
                    (line("phone", Words { zh: "电话", en: "Phone" }, "tel", "tel", &form.phone, PHONE_MAX_CHARS, faults))
                    (line(
                        "address", Words { zh: "住址", en: "Address" }, "text", "street-address",
                        &form.address, ADDRESS_MAX_CHARS, faults,
                    ))
                }
                (publications(form, faults))
                div.actions {
                    button type="submit" { "提交" span.en lang="en" { "Send" } }
                }
            }
        },
    )
}

/// Who is addressed by the link or QR code.
fn addressee_name(directory: &Directory, form: &SubmissionForm) -> Option<(Words, String)> {
    if let Some(representative) = directory.active_representative(&form.representative_code) {
        return Some((Words { zh: "写给代表", en: "To" }, representative.designation.clone()));
    }
    let station = directory.active_station(&form.station_code)?;
    Some((Words { zh: "写给联络站", en: "To" }, station.name.clone()))
}

fn notice_box(notice: Notice, faults: &[WebFault]) -> Markup {
    let (title, text) = match notice {
        Notice::Faults => ("有几处需要修改", "您填写的内容都还在，改好后再提交。"),
        Notice::SentBefore => (
            "这个页面已经提交过一次",
            "上次提交的内容与现在不同。如果这是另一件事，请再按一次“提交”；如果只是重复，不必再提交。",
        ),
        Notice::Busy => ("现在提交的人很多", "这次没有收下。内容都还在，请稍等几秒再按“提交”。"),
        Notice::OutcomeUnknown => {
            ("还不能确定是否收到", "请再按一次“提交”：如果上次已经收到，会给您同一个查询码，不会重复。")
        }
        Notice::PicturesNotKept => {
            ("图片暂时存不下", "这次没有收下。文字都还在：请稍后重新选择图片再提交，也可以先不带图片提交。")
        }
    };
    html! {
        section.notice role="alert" {
            h2 { (title) }
            p { (text) }
            @if !faults.is_empty() {
                ul {
                    @for fault in faults {
                        li { a href={ "#" (fault.field) } { (field_name(fault.field)) "：" (fault.words) } }
                    }
                }
            }
        }
    }
}

fn field_name(field: &str) -> &'static str {
    match field {
        "kind" => "类型",
        "region_code" => "地区",
        "category" => "分类",
        "title" => "标题",
        "body" => "内容",
        "name" => "姓名",
        "phone" => "电话",
        "address" => "住址",
        "publication" => "是否公开",
        "pictures" => "图片",
        _ => "页面",
    }
}

fn pictures(form: &SubmissionForm, faults: &[WebFault]) -> Markup {
    html! {
        div.field {
            (label("pictures", Words { zh: "图片", en: "Pictures" }, true))
            p.hint #pictures-hint {
                "JPG、PNG 或 WebP，最多 " (PICTURES_MAX) " 张，合计不超过 " (PICTURES_MAX_BYTES / (1_024 * 1_024))
                " MB。照片里的拍摄地点等信息会先删除。公开内容时图片一起公开，请不要拍到证件和别人的脸。"
            }
            (field_faults("pictures", faults))
            @if form.pictures_sent > 0 {
                div.fault { p { "浏览器没有保留刚才选的图片，请重新选择。" } }
            }
            input #pictures type="file" name="pictures" multiple accept="image/jpeg,image/png,image/webp"
                aria-invalid=[invalid("pictures", faults)]
                aria-describedby=[described_by("pictures", true, faults)];
        }
    }
}

fn kinds(form: &SubmissionForm, faults: &[WebFault]) -> Markup {
    html! {
        fieldset #kind aria-describedby=[described_by("kind", false, faults)] {
            legend { (both(Words { zh: "类型", en: "Kind" })) }
            (field_faults("kind", faults))
            div.choices {
                @for (value, kind) in KINDS {
                    label.choice {
                        input type="radio" name="kind" value=(value) required checked[form.kind == value];
                        span { (both(words::kind(kind))) }
                    }
                }
            }
        }
    }
}

fn publications(form: &SubmissionForm, faults: &[WebFault]) -> Markup {
    html! {
        fieldset #publication aria-describedby=[described_by("publication", true, faults)] {
            legend { (both(Words { zh: "是否公开", en: "What the public may see" })) }
            p.hint #publication-hint {
                "公开时，电话、证件号、门牌号等会先遮盖。只公开进度的，来信和答复的内容都不公开，只公开办到了哪一步。"
            }
            (field_faults("publication", faults))
            div.choices {
                @for (value, publication) in PUBLICATIONS {
                    label.choice {
                        input type="radio" name="publication" value=(value) required
                            checked[form.publication == value];
                        span { (both(words::publication(publication))) }
                    }
                }
            }
        }
    }
}

/// Every region, townships grouped under their district.
fn regions(directory: &Directory, form: &SubmissionForm, faults: &[WebFault], addressed: bool) -> Markup {
    let name_of = |code: &str| directory.region(code).map_or("", |region| region.name.as_str()).to_owned();
    let option = |code: &str, name: &str| {
        html! { option value=(code) selected[form.region_code == code] { (name) } }
    };
    html! {
        div.field {
            (label("region_code", Words { zh: "事情在哪里", en: "Where" }, addressed))
            (field_faults("region_code", faults))
            select #region_code name="region_code" required[!addressed]
                aria-invalid=[invalid("region_code", faults)]
                aria-describedby=[described_by("region_code", false, faults)] {
                option value="" {
                    @if addressed { "收件人所在地区" } @else { "请选择地区" }
                }
                @for municipal in directory.children_of("") {
                    @let municipal_name = name_of(municipal);
                    optgroup label=(municipal_name) {
                        (option(municipal, &format!("{municipal_name}（全市）")))
                    }
                    @for district in directory.children_of(municipal) {
                        @let district_name = name_of(district);
                        optgroup label=(district_name) {
                            (option(district, &format!("{district_name}（全域）")))
                            @for township in directory.children_of(district) {
                                (option(township, &name_of(township)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn categories(directory: &Directory, form: &SubmissionForm, faults: &[WebFault]) -> Markup {
    html! {
        div.field {
            (label("category", Words { zh: "分类", en: "Category" }, true))
            (field_faults("category", faults))
            select #category name="category" aria-invalid=[invalid("category", faults)]
                aria-describedby=[described_by("category", false, faults)] {
                option value="" { "不确定，由工作人员判断" }
                @for path in directory.categories() {
                    option value=(path) selected[form.category == path] { (path.replace('/', " › ")) }
                }
            }
        }
    }
}

fn line(
    id: &str,
    words: Words,
    kind: &str,
    autocomplete: &str,
    value: &str,
    max_chars: usize,
    faults: &[WebFault],
) -> Markup {
    html! {
        div.field {
            (layout::label(id, words, false))
            (field_faults(id, faults))
            input id=(id) type=(kind) name=(id) value=(value) maxlength=(max_chars) autocomplete=(autocomplete)
                aria-invalid=[invalid(id, faults)] aria-describedby=[described_by(id, false, faults)];
        }
    }
}
