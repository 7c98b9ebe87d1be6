//! The category of a text whose citizen gave none, by the words of the categories that the text has.
//!
//! Every category speaks through the names of its levels, cut into pieces of two characters, and through the keywords
//! that were imported with it, taken whole. A piece counts 1, a word of `n` characters `n - 1`, which is as many pieces as
//! it has; each is divided by the number of rival categories that share it, so that a rare word weighs more than a common
//! one, and one that all of them share weighs nothing. Found in the title it counts three times, in the text once, however
//! often it stands there. Rivals are compared level by level, from the first level down, as far as one of them is clear.
//!
//! How clear a category is, its confidence, is its share of the cubed scores of all rivals, cut down when it rests on less
//! than four pieces. All of it is whole numbers in a fixed order: the same text and the same categories always have the
//! same outcome. What becomes of it is left to [`super::routing_rules`].

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use aho_corasick::{AhoCorasick, MatchKind};
use huying_proto::events::v1::Category;

/// Below this confidence nothing is decided without a person, in percent.
///
/// Of 200 real messages whose first-level category was known, under a taxonomy of 517 categories without keywords, this bound
/// left three quarters decided, of which 95 % were right. Ten points less decide 85 %, of which 91 % are right; ten points
/// more decide half, and are no better. A wrong department costs the citizen days, a person's look costs a minute.
pub const CONFIDENCE_MIN_PERCENT: u32 = 60;
/// How many candidates a person is shown.
pub const CANDIDATES_MAX: usize = 3;
/// How many words a judgement names.
pub const WORDS_MAX: usize = 8;

/// A word in the title says more of the matter than one in the text.
const TITLE_WEIGHT: u64 = 3;
const BODY_WEIGHT: u64 = 1;
/// A keyword was written down for its category; a piece of a name may stand in a text by chance.
const KEYWORD_STRENGTH: u64 = 2;
const NAME_STRENGTH: u64 = 1;
/// Past five characters a longer phrase says nothing more of the matter.
const LENGTH_WEIGHT_MAX: u64 = 4;
/// A weight of 1, divisible by every number of rivals up to ten.
const UNIT: u64 = 2_520;
/// Pieces that make a full confidence, each counted by its strength; one piece alone has half of it.
const PIECES_WANTED: u64 = 4;
const PIECES_GIVEN: u64 = 2;
/// What the last level of many taxonomies is called: it says that nothing else fits, and no text speaks for it.
const NO_NAMES: [&str; 2] = ["其他", "其它"];

/// A category that a text may belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Category path, as deep as it is clear.
    pub category: String,
    /// How clear it is, 1 to 100.
    pub confidence_percent: u32,
}

/// What a text says of its category.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Best first, at most [`CANDIDATES_MAX`], of different first levels.
    pub candidates: Vec<Candidate>,
    /// The words of the best candidate's first level that the text has, heaviest first, at most [`WORDS_MAX`].
    pub words: Vec<String>,
}

impl Judgement {
    /// The best candidate, when it is clear enough to be taken without a person.
    #[must_use]
    pub fn clear(&self) -> Option<&Candidate> {
        self.candidates.first().filter(|best| best.confidence_percent >= CONFIDENCE_MIN_PERCENT)
    }
}

/// The categories of a directory, indexed by their words. Made once for a revision; judging reads the text once.
#[derive(Debug)]
pub struct Classifier {
    /// The tree of levels; node 0 is the root above the first level.
    nodes: Vec<Node>,
    /// What is looked for: pieces of names, and keywords.
    words: Vec<String>,
    /// For each word the nodes it speaks for, and how much.
    weights: Vec<Vec<Weight>>,
    /// None when there is nothing to look for.
    automaton: Option<AhoCorasick>,
}

#[derive(Debug, Default)]
struct Node {
    path: String,
    children: Vec<usize>,
    /// The words of its name and its keywords, with where a piece stands in the name.
    own: Vec<Own>,
}

#[derive(Debug, Clone, Copy)]
struct Own {
    word: usize,
    /// Bytes of the name; None for a keyword.
    span: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy)]
struct Weight {
    node: usize,
    weight: u64,
    strength: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Score {
    points: u64,
    pieces: u64,
}

const ROOT: usize = 0;

impl Classifier {
    /// Indexes categories.
    #[must_use]
    pub fn new<'a>(categories: impl IntoIterator<Item = &'a Category>) -> Self {
        let mut classifier =
            Self { nodes: vec![Node::default()], words: Vec::new(), weights: Vec::new(), automaton: None };
        let (mut numbers, mut planted) = (HashMap::new(), HashMap::new());
        for category in categories {
            let node = classifier.plant(&category.path, &mut planted, &mut numbers);
            for keyword in &category.keywords {
                let word = classifier.word(keyword, &mut numbers);
                classifier.nodes[node].own.push(Own { word, span: None });
            }
        }
        classifier.weigh();
        classifier.automaton = search_for(&classifier.words);
        classifier
    }

    /// Judges a text.
    #[must_use]
    pub fn judge(&self, title: &str, body: &str) -> Judgement {
        let found = self.find(title, body);
        let mut scores = vec![Score::default(); self.nodes.len()];
        for &(word, times) in &found {
            for weight in &self.weights[word] {
                scores[weight.node].points += weight.weight * times;
                scores[weight.node].pieces += weight.strength;
            }
        }
        let ranked = self.rank(ROOT, &scores);
        let words = match ranked.first() {
            Some(&(best, _)) => self.words_for(best, &found),
            None => Vec::new(),
        };
        let candidates = ranked
            .into_iter()
            .filter(|&(_, confidence)| confidence > 0)
            .take(CANDIDATES_MAX)
            .map(|(node, confidence)| self.deepen(node, confidence, &scores))
            .collect();
        Judgement { candidates, words }
    }

    /// Adds a path with all levels above it, as far as they are not there yet. Returns its node.
    fn plant(
        &mut self,
        path: &str,
        planted: &mut HashMap<String, usize>,
        numbers: &mut HashMap<String, usize>,
    ) -> usize {
        let mut node = ROOT;
        let mut end = 0;
        for name in path.split('/') {
            end += name.len();
            let so_far = &path[..end];
            end += '/'.len_utf8();
            if let Some(&below) = planted.get(so_far) {
                node = below;
                continue;
            }
            let own = pieces(name)
                .into_iter()
                .map(|(start, end)| {
                    let word = self.word(&name[start..end], numbers);
                    Own { word, span: Some((start, end)) }
                })
                .collect();
            let below = self.nodes.len();
            self.nodes.push(Node { path: so_far.to_owned(), children: Vec::new(), own });
            self.nodes[node].children.push(below);
            planted.insert(so_far.to_owned(), below);
            node = below;
        }
        node
    }

    fn word(&mut self, text: &str, numbers: &mut HashMap<String, usize>) -> usize {
        // The search takes small and capital letters as one, and so must the count of rivals.
        let text = text.to_ascii_lowercase();
        if let Some(&word) = numbers.get(&text) {
            return word;
        }
        let word = self.words.len();
        self.words.push(text.clone());
        numbers.insert(text, word);
        word
    }

    /// Says for each word which nodes it speaks for: those that have it themselves or below them.
    fn weigh(&mut self) {
        let mut strengths: Vec<BTreeMap<usize, u64>> = vec![BTreeMap::new(); self.words.len()];
        let mut parents = vec![ROOT; self.nodes.len()];
        for (number, node) in self.nodes.iter().enumerate() {
            for &child in &node.children {
                parents[child] = number;
            }
        }
        for (number, node) in self.nodes.iter().enumerate() {
            for own in &node.own {
                let strength = if own.span.is_some() { NAME_STRENGTH } else { KEYWORD_STRENGTH };
                let mut above = number;
                while above != ROOT {
                    let known = strengths[own.word].entry(above).or_default();
                    *known = strength.max(*known);
                    above = parents[above];
                }
            }
        }
        self.weights = self
            .words
            .iter()
            .zip(strengths)
            .map(|(word, strengths)| {
                let length = (word.chars().count() as u64).saturating_sub(1).clamp(1, LENGTH_WEIGHT_MAX);
                let mut sharing: BTreeMap<usize, usize> = BTreeMap::new();
                for node in strengths.keys() {
                    *sharing.entry(parents[*node]).or_default() += 1;
                }
                let tells_apart = |node: usize| {
                    let rivals = self.nodes[parents[node]].children.len();
                    rivals == 1 || sharing[&parents[node]] < rivals
                };
                strengths
                    .iter()
                    .filter(|&(&node, _)| tells_apart(node))
                    .map(|(&node, &strength)| Weight {
                        node,
                        weight: UNIT * strength * length / sharing[&parents[node]] as u64,
                        strength,
                    })
                    .collect()
            })
            .collect();
    }

    /// The words that the text has, each with how much its places count.
    fn find(&self, title: &str, body: &str) -> Vec<(usize, u64)> {
        let Some(automaton) = &self.automaton else { return Vec::new() };
        let mut in_title = vec![false; self.words.len()];
        let mut in_body = in_title.clone();
        for (text, seen) in [(title, &mut in_title), (body, &mut in_body)] {
            for found in automaton.find_overlapping_iter(text) {
                seen[found.pattern().as_usize()] = true;
            }
        }
        let times =
            |word: usize| TITLE_WEIGHT * u64::from(in_title[word]) + BODY_WEIGHT * u64::from(in_body[word]);
        (0..self.words.len()).map(|word| (word, times(word))).filter(|&(_, times)| times > 0).collect()
    }

    /// The children of a node that have points, each with its confidence among them, best first.
    fn rank(&self, node: usize, scores: &[Score]) -> Vec<(usize, u32)> {
        let cube = |node: usize| u128::from(scores[node].points).pow(3);
        let mut rivals: Vec<usize> =
            self.nodes[node].children.iter().copied().filter(|&child| scores[child].points > 0).collect();
        let all: u128 = rivals.iter().map(|&child| cube(child)).sum();
        rivals.sort_by(|&left, &right| {
            let by_path = || self.nodes[left].path.cmp(&self.nodes[right].path);
            scores[right].points.cmp(&scores[left].points).then_with(by_path)
        });
        rivals
            .into_iter()
            .map(|child| {
                let full = PIECES_WANTED + PIECES_GIVEN;
                let ground = (scores[child].pieces + PIECES_GIVEN).min(full);
                let percent = 100 * cube(child) * u128::from(ground) / (all * u128::from(full));
                (child, u32::try_from(percent).unwrap_or(100))
            })
            .collect()
    }

    /// Goes down as far as one category is clear among its rivals. Its confidence is that of its least clear level.
    fn deepen(&self, mut node: usize, mut confidence_percent: u32, scores: &[Score]) -> Candidate {
        while let Some(&(below, confidence)) = self.rank(node, scores).first()
            && confidence >= CONFIDENCE_MIN_PERCENT
        {
            node = below;
            confidence_percent = confidence_percent.min(confidence);
        }
        Candidate { category: self.nodes[node].path.clone(), confidence_percent }
    }

    /// The words below a first level that were found: keywords, and names as far as their pieces hang together.
    fn words_for(&self, first_level: usize, found: &[(usize, u64)]) -> Vec<String> {
        let mut points_of = vec![0; self.words.len()];
        for &(word, times) in found {
            let weight = self.weights[word].iter().find(|weight| weight.node == first_level);
            points_of[word] = times * weight.map_or(0, |weight| weight.weight);
        }
        let mut heard: BTreeMap<&str, u64> = BTreeMap::new();
        let mut to_visit = vec![first_level];
        while let Some(number) = to_visit.pop() {
            let node = &self.nodes[number];
            to_visit.extend(&node.children);
            let name = node.path.rsplit('/').next().unwrap_or_default();
            let mut run: Option<(usize, usize, u64)> = None;
            for own in &node.own {
                let points = points_of[own.word];
                match (own.span, run) {
                    (_, _) if points == 0 => {}
                    (None, _) => {
                        heard.insert(&self.words[own.word], points);
                    }
                    (Some((start, end)), Some((from, to, so_far))) if start < to => {
                        run = Some((from, end, so_far + points));
                    }
                    (Some((start, end)), before) => {
                        if let Some((from, to, points)) = before {
                            heard.insert(&name[from..to], points);
                        }
                        run = Some((start, end, points));
                    }
                }
            }
            if let Some((from, to, points)) = run {
                heard.insert(&name[from..to], points);
            }
        }
        let mut heaviest: Vec<(&str, u64)> = heard.into_iter().collect();
        heaviest.sort_by_key(|&(word, points)| (Reverse(points), word));
        let mut words: Vec<&str> = Vec::new();
        for (word, _) in heaviest {
            if words.len() < WORDS_MAX && !words.iter().any(|longer| longer.contains(word)) {
                words.push(word);
            }
        }
        words.into_iter().map(str::to_owned).collect()
    }
}

/// A search for words, in which small and capital letters are one; None when there are no words. Making it fails only past
/// two thousand million states, and the import bounds categories, rules and their keywords far below.
pub(super) fn search_for(words: &[String]) -> Option<AhoCorasick> {
    if words.is_empty() {
        return None;
    }
    AhoCorasick::builder().match_kind(MatchKind::Standard).ascii_case_insensitive(true).build(words).ok()
}

/// Where the pieces of a name are, in bytes: every two neighbouring characters of a script without spaces between
/// words, and every run of letters and digits as a whole.
fn pieces(name: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut previous: Option<(usize, char)> = None;
    let mut run: Option<usize> = None;
    for (at, character) in name.char_indices() {
        if character.is_ascii_alphanumeric() {
            run.get_or_insert(at);
            previous = None;
            continue;
        }
        if let Some(start) = run.take() {
            found.push((start, at));
        }
        if !character.is_alphanumeric() {
            previous = None;
            continue;
        }
        if let Some((start, _)) = previous {
            found.push((start, at + character.len_utf8()));
        }
        previous = Some((at, character));
    }
    if let Some(start) = run {
        found.push((start, name.len()));
    }
    let mut seen = BTreeSet::new();
    found.retain(|&(start, end)| {
        let piece = &name[start..end];
        piece.chars().count() > 1 && !NO_NAMES.contains(&piece) && seen.insert(piece)
    });
    found
}
