//! Kinds, states and faults in the words of the pages: Chinese first, short English beside it.

use huying_platform::{codes::InvalidCode, keys::KeyError};
use huying_proto::events::v1::{CaseKind, CaseState, DeclineGround, Publication};
use jiff::{Timestamp, tz};

use super::forms::{WebFault, form_field};
use crate::domain::{
    picture::{PIXELS_MAX, PictureFault},
    receipt_code::{RECEIPT_CODE_LEN, ReceiptCodeError},
    violation::{Fault, Field, Violation},
};

/// A word in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) zh: &'static str,
    pub(super) en: &'static str,
}

const fn words(zh: &'static str, en: &'static str) -> Words {
    Words { zh, en }
}

pub(super) const fn kind(kind: CaseKind) -> Words {
    match kind {
        CaseKind::Unspecified => words("未选择", "none"),
        CaseKind::Message => words("留言", "Message"),
        CaseKind::Suggestion => words("建议", "Suggestion"),
        CaseKind::ProjectProposal => words("民生实事建议", "Public project"),
        CaseKind::DraftComment => words("立法意见", "On a draft law"),
        CaseKind::Appointment => words("约见代表", "Appointment"),
    }
}

pub(super) const fn publication(publication: Publication) -> Words {
    match publication {
        Publication::Unspecified => words("未选择", "none"),
        Publication::Public => words("公开内容", "Show my text"),
        Publication::StatusOnly => words("只公开办理进度", "Show progress only"),
    }
}

pub(super) const fn state(state: CaseState) -> Words {
    match state {
        CaseState::Unspecified => words("未知", "Unknown"),
        CaseState::Submitted => words("已提交", "Submitted"),
        CaseState::Registered => words("已登记", "Registered"),
        CaseState::Assigned => words("已交办", "Assigned"),
        CaseState::InHandling => words("办理中", "In handling"),
        CaseState::Replied => words("已答复", "Replied"),
        CaseState::Closed => words("已办结", "Closed"),
        CaseState::Declined => words("不予受理", "Not taken up"),
        CaseState::Withdrawn => words("已撤回", "Withdrawn"),
        CaseState::Merged => words("已并案", "Handled with another case"),
    }
}

pub(super) const fn decline_ground(ground: DeclineGround) -> Words {
    match ground {
        DeclineGround::Unspecified => words("未说明", "No ground"),
        DeclineGround::OutOfScope => words("不属于受理范围", "Out of scope"),
        DeclineGround::LegalProceedings => {
            words("已进入诉讼、仲裁、行政复议等法定途径", "In legal proceedings")
        }
        DeclineGround::AlreadyAnswered => {
            words("同一事项已经答复，没有新的事实", "Answered before, nothing new")
        }
        DeclineGround::Unclear => words("内容不清", "Unclear"),
        DeclineGround::Unlawful => words("违反法律法规", "Unlawful"),
    }
}

/// A time as people in China read it. China has had one time without summer time since 1991.
pub(super) fn beijing_time(time: Timestamp) -> String {
    let local = time.to_zoned(tz::TimeZone::fixed(tz::offset(8)));
    format!(
        "{}年{}月{}日 {:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute()
    )
}

/// The faults of a request at the fields of its form.
pub(super) fn faults(violations: &[Violation]) -> Vec<WebFault> {
    violations
        .iter()
        .map(|Violation { field, fault: it }| WebFault {
            field: form_field(*field),
            words: if let Field::Picture(index) = field {
                format!("第 {} 张：{}", index + 1, fault(*field, it))
            } else {
                fault(*field, it)
            },
        })
        .collect()
}

pub(super) fn receipt_fault(fault: ReceiptCodeError) -> String {
    match fault {
        ReceiptCodeError::Length { found } => {
            format!("查询码有 {RECEIPT_CODE_LEN} 个字符，现在是 {found} 个，请对照回执核对。")
        }
        ReceiptCodeError::Character => "查询码只有数字和英文字母（没有字母 U），请对照回执核对。".to_owned(),
    }
}

fn fault(field: Field, fault: &Fault) -> String {
    match fault {
        Fault::Empty { max_chars } => format!("请填写，最多 {max_chars} 个字。"),
        Fault::TooLong { found_chars, max_chars } => {
            format!("现在有 {found_chars} 个字，最多 {max_chars} 个字，请缩短。")
        }
        Fault::ControlCharacter => "含有不能显示的字符，请删除后重试。".to_owned(),
        Fault::NotAPhone => "电话只能有数字、加号、减号、空格和括号。".to_owned(),
        Fault::Key(KeyError::Length(_) | KeyError::Characters) => "页面已失效，请重新打开后填写。".to_owned(),
        Fault::NotAChoice { .. } => "请选择一项。".to_owned(),
        Fault::Code(InvalidCode::Region | InvalidCode::Name | InvalidCode::Path) | Fault::Unknown => {
            if field == Field::RepresentativeCode {
                "找不到这位代表，请重新扫码或选择地区。".to_owned()
            } else if field == Field::StationCode {
                "找不到这个联络站，请重新扫码或选择地区。".to_owned()
            } else {
                "没有这一项，请从列表中选择。".to_owned()
            }
        }
        Fault::Retired => {
            if field == Field::RepresentativeCode {
                "这位代表已不再任职，请选择地区后提交。".to_owned()
            } else if field == Field::StationCode {
                "这个联络站已撤销，请选择地区后提交。".to_owned()
            } else {
                "这一项已停用，请从列表中另选。".to_owned()
            }
        }
        Fault::NoPlace => "请选择事情发生的地区。".to_owned(),
        Fault::TwoAddressees => "只能写给一位代表或一个联络站。".to_owned(),
        Fault::OtherMunicipality { .. } => "所选地区与收件人不在同一个市，请另选。".to_owned(),
        Fault::Receipt(fault) => receipt_fault(*fault),
        Fault::ReopenResolved => "已经解决的事项不能要求继续办理。".to_owned(),
        Fault::Id(_) => "编号不对。".to_owned(),
        Fault::TooMany { found: _, max } => format!("最多 {max} 张，请减少。"),
        Fault::TooManyBytes { found_bytes: _, max_bytes } => {
            format!("合计超过 {} MB，请减少张数，或先把图片缩小。", max_bytes / (1_024 * 1_024))
        }
        Fault::Picture(fault) => picture_fault(*fault),
    }
}

fn picture_fault(fault: PictureFault) -> String {
    match fault {
        PictureFault::Empty => "文件是空的，请另选。".to_owned(),
        PictureFault::Format => "不是 JPG、PNG 或 WebP 图片，请另选或转换格式。".to_owned(),
        PictureFault::TooManyPixels { .. } => {
            format!("像素太多，最多 {} 万像素，请先缩小。", PIXELS_MAX / 10_000)
        }
        PictureFault::TooMuchMemory => "颜色位数太多，请另存为普通的 JPG 或 PNG 图片。".to_owned(),
        PictureFault::Damaged => "文件已损坏，打不开，请另选。".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use huying_platform::status::from_micros;

    use super::*;

    #[test]
    fn times_are_told_in_beijing_time() {
        assert_eq!(beijing_time(from_micros(0)), "1970年1月1日 08:00");
    }
}
