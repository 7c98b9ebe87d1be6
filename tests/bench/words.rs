//! Letters that differ from each other as people's do: a few words are in many of them, most are in few.

/// Where.
const PLACES: [&str; 24] = [
    "胜利路",
    "新华街",
    "解放路",
    "团结小区",
    "幸福里",
    "金川大道",
    "河套公园",
    "文化宫",
    "火车站",
    "长途汽车站",
    "第一小学",
    "第三中学",
    "妇幼保健院",
    "中医院",
    "农贸市场",
    "体育馆",
    "工业园区",
    "水库大坝",
    "灌区总干渠",
    "蒙牛厂区",
    "老城墙",
    "北环路",
    "滨河花园",
    "光明巷",
];

/// What about.
const MATTERS: [&str; 32] = [
    "路灯",
    "暖气",
    "自来水",
    "下水道",
    "垃圾桶",
    "公交车",
    "停车位",
    "电梯",
    "物业费",
    "噪音",
    "油烟",
    "扬尘",
    "井盖",
    "红绿灯",
    "人行道",
    "学位",
    "挂号",
    "医保",
    "社保",
    "工资",
    "合同",
    "房产证",
    "户口",
    "低保",
    "养老院",
    "宽带",
    "煤气",
    "绿化",
    "流浪狗",
    "广场舞",
    "围墙",
    "灌溉渠",
];

/// What is the matter.
const TROUBLES: [&str; 20] = [
    "坏了三天",
    "一直没人管",
    "每天半夜",
    "收费太高",
    "排队太久",
    "堵得厉害",
    "又停了",
    "漏水严重",
    "说法不一",
    "推来推去",
    "迟迟不办",
    "没有标识",
    "占道经营",
    "不合标准",
    "无人应答",
    "反复施工",
    "年久失修",
    "信号太差",
    "太远太偏",
    "不给登记",
];

/// The letter of a number: the same each time.
pub(crate) fn letter(n: usize) -> String {
    // Fibonacci hashing: neighbours have little in common.
    let mixed = |turn: usize| (n + turn * 1_000_003).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let mut letter = String::from("您好，我是本市居民，想反映一个情况。");
    for turn in 0..4 {
        let place = PLACES[mixed(turn) % PLACES.len()];
        let matter = MATTERS[mixed(turn + 10) % MATTERS.len()];
        let trouble = TROUBLES[mixed(turn + 20) % TROUBLES.len()];
        letter.push_str(&format!("{place}附近的{matter}{trouble}，"));
    }
    letter.push_str("希望有关部门尽快解决，谢谢。");
    letter
}

/// Words to look for.
pub(crate) fn all() -> Vec<String> {
    PLACES.iter().chain(&MATTERS).map(|word| (*word).to_owned()).collect()
}
