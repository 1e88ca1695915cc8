//! Changes JSON as JSON: libFuzzer's own changes to bytes seldom leave a document that is read to its end.

use serde_json::Value;

/// Values on which readers have gone wrong before, elsewhere.
const WORDS: [&str; 40] = [
    "0",
    "1",
    "-1",
    "2",
    "3",
    "4",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "1e308",
    "-0.0",
    "0.5",
    "null",
    "true",
    "false",
    "\"\"",
    "[]",
    "{}",
    "\"rest\"",
    "\"64GB\"",
    "\"58GiB\"",
    "\"18446744073709551615\"",
    "\"99999999TB\"",
    "\"192.168.11.0/24\"",
    "\"192.168.11.11/24\"",
    "\"fd00::1/64\"",
    "\"0.0.0.0/0\"",
    "\"10.0.0.1-10.0.0.9\"",
    "\"1.1\"",
    "\"server\"",
    "\"agent\"",
    "\"/mnt/x\"",
    "\"a\"",
    "\"\\u001b[2J\\u202e\"",
    "\"é\u{1f980}'\\\"$(x)`\"",
];

/// One step of xorshift.
struct Dice(u32);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % end.max(1)
    }
}

/// Changes the JSON behind the first `head` bytes in place; its new size. Where there is none, or now and then, `bytes` does
/// what libFuzzer does by itself.
pub fn mutate(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    head: usize,
    bytes: impl Fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let mut dice = Dice(seed | 1);
    dice.below(2);
    let parsed = data
        .get(head..size)
        .and_then(|text| serde_json::from_slice::<Value>(text).ok());
    let Some(mut value) = parsed.filter(|_| dice.below(5) > 0) else {
        return bytes(data, size, max_size);
    };
    if dice.below(8) == 0 {
        data[0] = dice.below(256) as u8;
    }
    for _ in 0..=dice.below(3) {
        change(&mut value, &mut dice);
    }
    let text = value.to_string();
    if head + text.len() > max_size.min(data.len()) {
        return bytes(data, size, max_size);
    }
    data[head..head + text.len()].copy_from_slice(text.as_bytes());
    head + text.len()
}

fn change(top: &mut Value, dice: &mut Dice) {
    let count = count(top);
    let donor = dice.below(count);
    let donor = nth(top, donor).0.map(|found| found.clone());
    let place = dice.below(count);
    let Some(at) = nth(top, place).0 else { return };
    match (dice.below(8), at) {
        (0 | 1, at) => {
            *at = serde_json::from_str(WORDS[dice.below(WORDS.len())]).unwrap_or(Value::Null)
        }
        (2, at) => *at = donor.unwrap_or(Value::Null),
        (3, Value::Array(list)) if !list.is_empty() => {
            let from = dice.below(list.len());
            let copy = list[from].clone();
            list.push(copy);
        }
        (4, Value::Array(list)) if !list.is_empty() => {
            list.remove(dice.below(list.len()));
        }
        (3 | 4, Value::Object(object)) if !object.is_empty() => {
            let key = object
                .keys()
                .nth(dice.below(object.len()))
                .cloned()
                .unwrap_or_default();
            object.remove(&key);
        }
        (5, Value::Array(list)) => list.extend(donor),
        (5, Value::Object(object)) => {
            let key = object
                .keys()
                .nth(dice.below(object.len()))
                .cloned()
                .unwrap_or_default();
            object.insert(key, donor.unwrap_or(Value::Null));
        }
        (_, Value::Number(number)) => {
            let by = [1, -1, 7, 100, 1 << 31][dice.below(5)];
            if let Some(now) = number.as_i64() {
                *number = now.wrapping_add(by).into();
            }
        }
        (_, Value::String(text)) => {
            let end = text
                .char_indices()
                .nth(dice.below(text.len()))
                .map_or(0, |(at, _)| at);
            match dice.below(4) {
                0 => text.truncate(end),
                1 => text.insert(
                    end,
                    ['0', '9', '-', '.', ':', '/', ' ', '\u{7f}', 'é'][dice.below(9)],
                ),
                2 => *text = text.repeat(2),
                _ => {
                    if end < text.len() {
                        text.remove(end);
                    }
                }
            }
        }
        _ => {}
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(object) => Box::new(object.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

/// The value of this number, from the top on, and how many are left to go.
fn nth(value: &mut Value, number: usize) -> (Option<&mut Value>, usize) {
    let Some(mut left) = number.checked_sub(1) else {
        return (Some(value), 0);
    };
    let inner: Box<dyn Iterator<Item = &mut Value>> = match value {
        Value::Array(list) => Box::new(list.iter_mut()),
        Value::Object(object) => Box::new(object.values_mut()),
        _ => return (None, left),
    };
    for child in inner {
        match nth(child, left) {
            (Some(found), _) => return (Some(found), 0),
            (None, rest) => left = rest,
        }
    }
    (None, left)
}
