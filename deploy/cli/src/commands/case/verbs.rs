//! The verbs of `huying case` that are commands of routing's contract: their arguments, and the act each of them is.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand};

use crate::{
    acts::{Act, PartOrder},
    arguments::duration,
    commands::text_argument,
    failure::Failure,
    identity::IdentityArgs,
    pictures::Picture,
    words::{Ground, ground_parser},
};

/// What every command on a case has.
#[derive(Debug, Args)]
pub(super) struct CommandArgs {
    /// Id of the case
    pub(super) case_id: String,

    /// Id of this act, 16 to 128 visible ASCII characters: the same id acts once; a new one when not given
    #[arg(long, value_name = "ID")]
    pub(super) request_id: Option<String>,

    /// Act only when the case is at this version
    #[arg(long, value_name = "VERSION")]
    pub(super) expected_version: Option<u64>,

    #[command(flatten)]
    pub(super) identity: IdentityArgs,
}

/// A text as an argument or from a file.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct TextArgs {
    /// Text; published
    #[arg(long)]
    text: Option<String>,

    /// File with the text; "-" for standard input
    #[arg(long, value_name = "FILE")]
    text_file: Option<PathBuf>,
}

impl TextArgs {
    fn read(self) -> Result<String, Failure> {
        text_argument(self.text, self.text_file.as_deref())
    }
}

/// Pictures that intake keeps.
#[derive(Debug, Args)]
pub(super) struct PictureArgs {
    /// Picture to publish with the text, as huying picture upload printed it; may be given several times, at most 6
    #[arg(long = "picture", value_name = "JSON")]
    pictures: Vec<Picture>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ActVerb {
    /// 登记: accept a case from the office's queue
    #[command(after_help = "Example:\n  huying case register CASE_ID --as 150802001")]
    Register {
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 不予受理: do not take a case up, with a published ground
    #[command(
        after_help = "Example:\n  huying case decline CASE_ID --ground legal_proceedings --explanation '法院正在审理，请依诉讼程序主张。'"
    )]
    Decline {
        /// Why it is not taken up
        #[arg(long, value_parser = ground_parser())]
        ground: Ground,
        /// The explanation to the citizen; published
        #[arg(long)]
        explanation: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 分类: set or correct the category
    #[command(after_help = "Example:\n  huying case classify CASE_ID --category 城乡建设/供热")]
    Classify {
        /// Category, level names joined by "/"
        #[arg(long, value_name = "PATH")]
        category: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 交办: give a registered case to a department of the office's own region, and parts of it to co-handlers
    #[command(
        after_help = "Examples:\n  huying case assign CASE_ID --unit 150802001-housing\n  huying case assign CASE_ID --unit 150802001-housing --note '请尽快' --reply-within 3d\n  huying case assign CASE_ID --unit 150802-roads --part 150802001-enforcement='清理占道物品'"
    )]
    Assign {
        /// Unit code of the department
        #[arg(long, value_name = "CODE")]
        unit: String,
        /// For the department, up to 2,000 characters
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        /// A tighter limit than the policy's
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        reply_within: Option<Duration>,
        /// Part for a co-handler, and what is asked of it, published; may be given several times, at most 20
        #[arg(long = "part", value_name = "UNIT=TASK")]
        parts: Vec<PartOrder>,
        /// A tighter limit for every part than the whole has
        #[arg(long, value_name = "DURATION", value_parser = duration, requires = "parts")]
        parts_within: Option<Duration>,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 改派: give an assigned case to another department of the office's own region
    #[command(
        after_help = "Example:\n  huying case transfer CASE_ID --unit 150802-market --reason '收费由市场监管局定价'"
    )]
    Transfer {
        /// Unit code of the department
        #[arg(long, value_name = "CODE")]
        unit: String,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 下交: hand a case to an office directly below
    #[command(
        after_help = "Example:\n  huying case delegate CASE_ID --region 150802001 --reason '属街道职责'"
    )]
    Delegate {
        /// Region directly below the office's
        #[arg(long, value_name = "CODE")]
        region: String,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 上报: hand a case to the office above
    #[command(after_help = "Example:\n  huying case escalate CASE_ID --reason '超出街道职权'")]
    Escalate {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 受理: take up an assigned case
    #[command(after_help = "Example:\n  huying case accept CASE_ID --as 150802001-housing")]
    Accept {
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 退回: give a case back with a legal basis and a proposed unit
    #[command(
        after_help = "Example:\n  huying case return CASE_ID --legal-basis '《水法》第十二条' --proposed-unit 150802-roads"
    )]
    Return {
        /// The law, regulation or mandate that says whose it is; published
        #[arg(long, value_name = "TEXT")]
        legal_basis: String,
        /// Unit code of the department whose it is
        #[arg(long, value_name = "CODE")]
        proposed_unit: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 进展: tell the public how far the handling is
    #[command(
        after_help = "Examples:\n  huying case progress CASE_ID --text '已派人上门测温。'\n  huying case progress CASE_ID --text '已开挖。' --picture \"$(huying picture upload 现场.jpg --as 150802-housing)\""
    )]
    Progress {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        pictures: PictureArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 答复: answer the citizen
    #[command(
        after_help = "Examples:\n  huying case reply CASE_ID --text '管道已更换。'\n  huying case reply CASE_ID --text-file reply.txt"
    )]
    Reply {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        pictures: PictureArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 代表答复: answer the citizen directly, as a representative, before the case is assigned
    #[command(
        after_help = "Example:\n  huying case answer CASE_ID --text '周五上午在联络站见面谈。' --as r-150802001-003"
    )]
    Answer {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        pictures: PictureArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 协办: give, answer or waive a co-handler's part
    #[command(
        after_help = "Examples:\n  huying case part assign CASE_ID --unit 150802001-enforcement --task '清理占道物品'\n  huying case part answer CASE_ID --part 1 --text '已清理完毕。'\n  huying case part waive CASE_ID --part 1 --reason '现场已自行清理'"
    )]
    Part {
        #[command(subcommand)]
        verb: PartVerb,
    },
    /// 延期: ask for more time, grant or refuse it
    #[command(
        after_help = "Examples:\n  huying case extension request CASE_ID --limit 10wd --reason '等待冻土化开'\n  huying case extension grant CASE_ID\n  huying case extension refuse CASE_ID --reason '可先行抢修'"
    )]
    Extension {
        #[command(subcommand)]
        verb: ExtensionVerb,
    },
    /// 催办: urge the unit that has to act, at most once a day
    #[command(
        after_help = "Examples:\n  huying case urge CASE_ID --text '群众已等两周，请尽快答复。'\n  huying case urge CASE_ID --part 1 --text '请按期答复。'\n  huying case urge CASE_ID --text '请尽快。' --as r-150802001-003"
    )]
    Urge {
        #[command(flatten)]
        text: TextArgs,
        /// Number of the part whose co-handler is urged; without it the unit that has to act
        #[arg(long = "part", value_name = "N", default_value_t = 0, hide_default_value = true)]
        part_number: u32,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 督办: put the case under supervision
    #[command(
        after_help = "Example:\n  huying case supervise CASE_ID --demand '三个工作日内报送办理方案。' --as 150802"
    )]
    Supervise {
        /// What is demanded; published
        #[arg(long, value_name = "TEXT")]
        demand: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 通报: criticise the unit that has to act in a circular
    #[command(
        after_help = "Example:\n  huying case criticise CASE_ID --text '逾期未办，予以通报。' --as 150802"
    )]
    Criticise {
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 认领: undertake to follow the case, as a representative of a region it is in
    #[command(after_help = "Example:\n  huying case claim CASE_ID --as r-150802001-003")]
    Claim {
        /// Published
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 办结: strike a replied case off
    #[command(after_help = "Example:\n  huying case close CASE_ID --note '回访属实'")]
    Close {
        /// Published
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 重新办理: have a replied or closed case handled again
    #[command(after_help = "Example:\n  huying case reopen CASE_ID --reason '答复与现场不符'")]
    Reopen {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 并案: make the case go on as part of another one that the same office holds
    #[command(
        after_help = "Example:\n  huying case merge CASE_ID --into OTHER_CASE_ID --reason '同一小区同一事项'"
    )]
    Merge {
        /// Id of the case it becomes part of
        #[arg(long = "into", value_name = "CASE_ID")]
        into_case_id: String,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 分案: make a merged case go on by itself again
    #[command(after_help = "Example:\n  huying case unmerge CASE_ID --reason '两处漏点原因不同'")]
    Unmerge {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 重算期限: compute the deadlines anew by the calendar and the limits now in force
    #[command(after_help = "Example:\n  huying case recompute CASE_ID --reason '放假安排已调整'")]
    Recompute {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum PartVerb {
    /// 交办: give a part of the case to a co-handler
    #[command(
        after_help = "Examples:\n  huying case part assign CASE_ID --unit 150802001-enforcement --task '清理占道物品'\n  huying case part assign CASE_ID --of 1 --unit 150802001-social --task '入户核实' --answer-within 2d"
    )]
    Assign {
        /// Unit code of the department
        #[arg(long, value_name = "CODE")]
        unit: String,
        /// What is asked of it; published
        #[arg(long, value_name = "TEXT")]
        task: String,
        /// A tighter limit than the whole has left
        #[arg(long, value_name = "DURATION", value_parser = duration)]
        answer_within: Option<Duration>,
        /// Number of the part of which this is a part, for a co-handler that passes its own on
        #[arg(long = "of", value_name = "N", default_value_t = 0, hide_default_value = true)]
        parent_part_number: u32,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 答复: answer a part
    #[command(after_help = "Example:\n  huying case part answer CASE_ID --part 1 --text '已清理完毕。'")]
    Answer {
        /// Number of the part
        #[arg(long = "part", value_name = "N")]
        part_number: u32,
        #[command(flatten)]
        text: TextArgs,
        #[command(flatten)]
        pictures: PictureArgs,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 免办: say that a part need not be answered any more
    #[command(after_help = "Example:\n  huying case part waive CASE_ID --part 1 --reason '现场已自行清理'")]
    Waive {
        /// Number of the part
        #[arg(long = "part", value_name = "N")]
        part_number: u32,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum ExtensionVerb {
    /// 申请: ask for more time, before the deadline and once
    #[command(
        after_help = "Example:\n  huying case extension request CASE_ID --limit 10wd --reason '等待冻土化开'"
    )]
    Request {
        /// How much more: 10wd (working days), 30d (days), 1mo (months) or 90s (seconds)
        #[arg(long, value_name = "LIMIT")]
        limit: String,
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 准予: grant the time that was asked for, or less
    #[command(
        after_help = "Examples:\n  huying case extension grant CASE_ID\n  huying case extension grant CASE_ID --limit 5wd --note '先修主管'"
    )]
    Grant {
        /// Less than was asked for; without it all of it
        #[arg(long, value_name = "LIMIT", default_value = "", hide_default_value = true)]
        limit: String,
        /// Published
        #[arg(long, default_value = "", hide_default_value = true)]
        note: String,
        #[command(flatten)]
        command: CommandArgs,
    },
    /// 不准: refuse the time that was asked for
    #[command(after_help = "Example:\n  huying case extension refuse CASE_ID --reason '可先行抢修'")]
    Refuse {
        /// Why; published
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        command: CommandArgs,
    },
}

impl ActVerb {
    /// The act, and what every command has. Reads the files that the arguments name.
    pub(super) fn into_act(self) -> Result<(CommandArgs, Act), Failure> {
        Ok(match self {
            Self::Register { command } => (command, Act::Register {}),
            Self::Decline { ground, explanation, command } => (command, Act::Decline { ground, explanation }),
            Self::Classify { category, command } => (command, Act::Classify { category }),
            Self::Assign { unit, note, reply_within, mut parts, parts_within, command } => {
                for part in &mut parts {
                    part.answer_within = parts_within;
                }
                (command, Act::Assign { unit, note, reply_within, parts })
            }
            Self::Transfer { unit, reason, command } => (command, Act::Transfer { unit, reason }),
            Self::Delegate { region, reason, command } => (command, Act::Delegate { region, reason }),
            Self::Escalate { reason, command } => (command, Act::Escalate { reason }),
            Self::Accept { command } => (command, Act::Accept {}),
            Self::Return { legal_basis, proposed_unit, command } => {
                (command, Act::Return { legal_basis, proposed_unit })
            }
            Self::Progress { text, pictures: PictureArgs { pictures }, command } => {
                (command, Act::Progress { text: text.read()?, pictures })
            }
            Self::Reply { text, pictures: PictureArgs { pictures }, command } => {
                (command, Act::Reply { text: text.read()?, pictures })
            }
            Self::Answer { text, pictures: PictureArgs { pictures }, command } => {
                (command, Act::Answer { text: text.read()?, pictures })
            }
            Self::Part { verb } => verb.into_act()?,
            Self::Extension { verb } => verb.into_act(),
            Self::Urge { text, part_number, command } => {
                (command, Act::Urge { text: text.read()?, part_number })
            }
            Self::Supervise { demand, command } => (command, Act::Supervise { demand }),
            Self::Criticise { text, command } => (command, Act::Criticise { text: text.read()? }),
            Self::Claim { note, command } => (command, Act::Claim { note }),
            Self::Close { note, command } => (command, Act::Close { note }),
            Self::Reopen { reason, command } => (command, Act::Reopen { reason }),
            Self::Merge { into_case_id, reason, command } => (command, Act::Merge { into_case_id, reason }),
            Self::Unmerge { reason, command } => (command, Act::Unmerge { reason }),
            Self::Recompute { reason, command } => (command, Act::Recompute { reason }),
        })
    }
}

impl PartVerb {
    fn into_act(self) -> Result<(CommandArgs, Act), Failure> {
        Ok(match self {
            Self::Assign { unit, task, answer_within, parent_part_number, command } => {
                let part = PartOrder { unit, task, answer_within };
                (command, Act::AssignPart { part, parent_part_number })
            }
            Self::Answer { part_number, text, pictures: PictureArgs { pictures }, command } => {
                (command, Act::AnswerPart { part_number, text: text.read()?, pictures })
            }
            Self::Waive { part_number, reason, command } => (command, Act::WaivePart { part_number, reason }),
        })
    }
}

impl ExtensionVerb {
    fn into_act(self) -> (CommandArgs, Act) {
        match self {
            Self::Request { limit, reason, command } => (command, Act::RequestExtension { limit, reason }),
            Self::Grant { limit, note, command } => (command, Act::GrantExtension { limit, note }),
            Self::Refuse { reason, command } => (command, Act::RefuseExtension { reason }),
        }
    }
}
