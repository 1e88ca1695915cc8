//! The part of RouterOS's language that the scripts use: parsed and carried out.

use super::Router;
use regex::Regex;
use std::collections::BTreeMap;

/// An error put into a run, to see what is left.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// At which command of a menu, from 0.
    pub at: usize,
    /// What happens there.
    pub when: When,
}

/// What happens at a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The command fails and changes nothing; the script may catch that.
    Fails,
    /// The router loses its power before the command.
    PowerLost,
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// An error that a script may catch.
    Error(String),
    /// An end that it may not.
    PowerLost,
}

type Run<T> = Result<T, Stop>;

fn error<T>(text: impl Into<String>) -> Run<T> {
    Err(Stop::Error(text.into()))
}

#[derive(Debug, Clone, PartialEq)]
enum Value {
    Text(String),
    Number(i64),
    Truth(bool),
    Ids(Vec<usize>),
    Nothing,
}

impl Value {
    fn text(&self) -> Run<String> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Number(number) => Ok(number.to_string()),
            Self::Ids(ids) if ids.len() == 1 => Ok(format!("*{}", ids[0])),
            other => error(format!("expected text, found {other:?}")),
        }
    }

    fn truth(&self) -> Run<bool> {
        match self {
            Self::Truth(truth) => Ok(*truth),
            other => error(format!("expected a condition, found {other:?}")),
        }
    }

    fn ids(&self) -> Run<Vec<usize>> {
        match self {
            Self::Ids(ids) => Ok(ids.clone()),
            other => error(format!("expected items, found {other:?}")),
        }
    }
}

#[derive(Debug, Clone)]
enum Expr {
    /// A quoted string: text and variables in it.
    Text(Vec<Piece>),
    Number(i64),
    Truth(bool),
    Variable(String),
    Command(Box<Statement>),
    Binary(Box<Expr>, String, Box<Expr>),
}

#[derive(Debug, Clone)]
enum Piece {
    Text(Vec<u8>),
    Variable(String),
}

/// A condition of `find where`.
#[derive(Debug, Clone)]
enum Where {
    Compare(String, String, Expr),
    Not(Box<Where>),
    And(Vec<Where>),
    Or(Vec<Where>),
}

#[derive(Debug, Clone)]
enum Statement {
    Block(Vec<Statement>),
    Local(String, Expr),
    Set(String, Expr),
    If(Expr, Box<Statement>, Option<Box<Statement>>),
    Do(Box<Statement>, Option<Box<Statement>>),
    Foreach(String, Expr, Box<Statement>),
    Error(Expr),
    Say(Expr),
    Len(Expr),
    Pick(Expr, Expr),
    Find(String, Where),
    Get(String, Expr, String),
    SetItems(String, Expr, Vec<(String, Expr)>),
    Remove(String, Expr),
    Add(String, Vec<(String, Expr)>),
}

impl Router {
    /// `/import`: every top-level line with a scope of its own.
    pub fn import(&mut self, script: &str) -> Run<()> {
        self.import_with(script, None).0
    }

    /// The same with a fault; also how many commands of menus were carried out.
    pub fn import_with(&mut self, script: &str, fault: Option<Fault>) -> (Run<()>, usize) {
        let statements = match parse(script) {
            Ok(statements) => statements,
            // A script that cannot be read does nothing.
            Err(problem) => return (error(format!("syntax: {problem}")), 0),
        };
        let mut machine = Machine {
            router: self,
            scopes: Vec::new(),
            commands: 0,
            fault,
            patterns: BTreeMap::new(),
        };
        let mut outcome = Ok(());
        for statement in &statements {
            machine.scopes = vec![BTreeMap::new()];
            outcome = machine.run(statement).map(|_| ());
            if outcome.is_err() {
                break;
            }
        }
        (outcome, machine.commands)
    }

    /// The scheduler runs an entry: all of it in one scope.
    pub fn run_scheduled(&mut self, name: &str) -> Run<()> {
        let entry = self
            .items(super::SCHEDULER)
            .iter()
            .find(|i| i.get("name") == name);
        let script = entry.unwrap().get("on-event").to_owned();
        self.import(&format!("{{\n{script}\n}}\n"))
    }
}

struct Machine<'a> {
    router: &'a mut Router,
    scopes: Vec<BTreeMap<String, Value>>,
    commands: usize,
    fault: Option<Fault>,
    patterns: BTreeMap<String, Regex>,
}

impl Machine<'_> {
    fn run(&mut self, statement: &Statement) -> Run<Value> {
        match statement {
            Statement::Block(body) => {
                self.scopes.push(BTreeMap::new());
                let outcome = body.iter().try_for_each(|one| self.run(one).map(|_| ()));
                self.scopes.pop();
                outcome?;
            }
            Statement::Local(name, value) => {
                let value = self.value(value)?;
                self.scopes.last_mut().unwrap().insert(name.clone(), value);
            }
            Statement::Set(name, value) => {
                let value = self.value(value)?;
                let mut scopes = self.scopes.iter_mut().rev();
                match scopes.find_map(|scope| scope.get_mut(name)) {
                    Some(place) => *place = value,
                    None => return error(format!("unknown variable {name}")),
                }
            }
            Statement::If(condition, then, other) => {
                if self.value(condition)?.truth()? {
                    self.run(then)?;
                } else if let Some(other) = other {
                    self.run(other)?;
                }
            }
            Statement::Do(body, caught) => match (self.run(body), caught) {
                (Err(Stop::Error(_)), Some(caught)) => {
                    self.run(caught)?;
                }
                (outcome, _) => {
                    outcome?;
                }
            },
            Statement::Foreach(name, of, body) => {
                for id in self.value(of)?.ids()? {
                    self.scopes
                        .push(BTreeMap::from([(name.clone(), Value::Ids(vec![id]))]));
                    let outcome = self.run(body);
                    self.scopes.pop();
                    outcome?;
                }
            }
            Statement::Error(text) => return error(self.value(text)?.text()?),
            Statement::Say(text) => {
                self.value(text)?.text()?;
            }
            Statement::Len(value) => {
                let length = self.value(value)?.ids()?.len();
                return Ok(Value::Number(i64::try_from(length).unwrap()));
            }
            Statement::Pick(value, index) => {
                let ids = self.value(value)?.ids()?;
                let Value::Number(index) = self.value(index)? else {
                    return error("expected a number");
                };
                let picked = ids.get(usize::try_from(index).unwrap()).copied();
                return Ok(picked.map_or(Value::Nothing, |id| Value::Ids(vec![id])));
            }
            menu => return self.menu(menu),
        }
        Ok(Value::Nothing)
    }

    /// A command of a menu: where a fault strikes.
    fn menu(&mut self, statement: &Statement) -> Run<Value> {
        // What stands in brackets runs first.
        let prepared = match statement {
            Statement::SetItems(_, of, changes) => {
                let of = self.value(of)?.ids()?;
                (of, self.properties(changes)?)
            }
            Statement::Remove(_, of) => (self.value(of)?.ids()?, BTreeMap::new()),
            Statement::Get(_, of, _) => (self.value(of)?.ids()?, BTreeMap::new()),
            Statement::Add(_, properties) => (Vec::new(), self.properties(properties)?),
            _ => (Vec::new(), BTreeMap::new()),
        };
        let at = self.commands;
        self.commands += 1;
        match self.fault {
            Some(fault) if fault.at == at && fault.when == When::Fails => {
                return error("failure: injected");
            }
            Some(fault) if fault.at == at => return Err(Stop::PowerLost),
            _ => {}
        }
        let (ids, properties) = prepared;
        let done = match statement {
            Statement::Find(menu, condition) => return self.find(menu, condition),
            Statement::Get(menu, _, name) => {
                let item = self.router.items(menu).iter().find(|item| ids == [item.id]);
                return match item {
                    Some(item) => Ok(Value::Text(item.get(name).to_owned())),
                    None => error("no such item"),
                };
            }
            Statement::SetItems(menu, ..) => self.router.set(menu, &ids, &properties),
            Statement::Remove(menu, _) => self.router.remove(menu, &ids),
            Statement::Add(menu, _) => self.router.add(menu, properties).map(|_| ()),
            other => return error(format!("not a command: {other:?}")),
        };
        done.map(|()| Value::Nothing).map_err(Stop::Error)
    }

    fn properties(&mut self, given: &[(String, Expr)]) -> Run<BTreeMap<String, String>> {
        let mut properties = BTreeMap::new();
        for (name, value) in given {
            let value = self.value(value)?.text()?;
            if properties.insert(name.clone(), value).is_some() {
                return error(format!("{name} twice"));
            }
        }
        Ok(properties)
    }

    fn find(&mut self, menu: &str, condition: &Where) -> Run<Value> {
        let mut ids = Vec::new();
        for item in self.router.items(menu).to_vec() {
            if self.holds(condition, &item)? {
                ids.push(item.id);
            }
        }
        Ok(Value::Ids(ids))
    }

    fn holds(&mut self, condition: &Where, item: &super::Item) -> Run<bool> {
        match condition {
            Where::Not(inner) => Ok(!self.holds(inner, item)?),
            Where::And(all) => {
                for one in all {
                    if !self.holds(one, item)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Where::Or(any) => {
                for one in any {
                    if self.holds(one, item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Where::Compare(name, operator, wanted) => {
                let wanted = self.value(wanted)?.text()?;
                let found = item.get(name);
                match operator.as_str() {
                    "=" => Ok(found == wanted),
                    "!=" => Ok(found != wanted),
                    "~" => self.matches(&wanted, found),
                    other => error(format!("unknown operator {other}")),
                }
            }
        }
    }

    /// Whether text matches a regular expression; making one takes long, and the same few come again and again.
    fn matches(&mut self, pattern: &str, text: &str) -> Run<bool> {
        if !self.patterns.contains_key(pattern) {
            let made = Regex::new(pattern).map_err(|problem| Stop::Error(problem.to_string()))?;
            self.patterns.insert(pattern.to_owned(), made);
        }
        Ok(self.patterns[pattern].is_match(text))
    }

    fn value(&mut self, expr: &Expr) -> Run<Value> {
        Ok(match expr {
            Expr::Number(number) => Value::Number(*number),
            Expr::Truth(truth) => Value::Truth(*truth),
            Expr::Variable(name) => self.variable(name)?,
            Expr::Command(statement) => self.run(statement)?,
            Expr::Text(pieces) => {
                let mut text = Vec::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(bytes) => text.extend(bytes),
                        Piece::Variable(name) => text.extend(self.variable(name)?.text()?.bytes()),
                    }
                }
                Value::Text(String::from_utf8(text).unwrap())
            }
            Expr::Binary(left, operator, right) => {
                let left = self.value(left)?;
                // Both sides are always worked out, as RouterOS does.
                let right = self.value(right)?;
                if operator == "." {
                    return Ok(Value::Text(left.text()? + &right.text()?));
                }
                Value::Truth(match operator.as_str() {
                    "=" => left == right,
                    "!=" => left != right,
                    ">" => matches!((&left, &right), (Value::Number(a), Value::Number(b)) if a > b),
                    "&&" => left.truth()? & right.truth()?,
                    "||" => left.truth()? | right.truth()?,
                    other => return error(format!("unknown operator {other}")),
                })
            }
        })
    }

    fn variable(&self, name: &str) -> Run<Value> {
        let mut scopes = self.scopes.iter().rev();
        match scopes.find_map(|scope| scope.get(name)) {
            Some(value) => Ok(value.clone()),
            None => error(format!("unknown variable {name}")),
        }
    }
}

fn parse(script: &str) -> Result<Vec<Statement>, String> {
    let mut parser = Parser {
        text: script.as_bytes(),
        at: 0,
    };
    let statements = parser.statements(None)?;
    Ok(statements)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

type Parsed<T> = Result<T, String>;

impl Parser<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn fail<T>(&self, expected: &str) -> Parsed<T> {
        let rest = String::from_utf8_lossy(&self.text[self.at.min(self.text.len())..]);
        let rest: String = rest.chars().take(60).collect();
        Err(format!("expected {expected} before {rest:?}"))
    }

    fn spaces(&mut self) {
        while self.peek() == b' ' {
            self.at += 1;
        }
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.text[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn need(&mut self, word: &str) -> Parsed<()> {
        if self.take(word) {
            Ok(())
        } else {
            self.fail(word)
        }
    }

    fn word(&mut self) -> Parsed<String> {
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || self.peek() == b'-' {
            self.at += 1;
        }
        if start == self.at {
            return self.fail("a word");
        }
        Ok(String::from_utf8_lossy(&self.text[start..self.at]).into_owned())
    }

    /// Statements to `closer`, or to the end.
    fn statements(&mut self, closer: Option<u8>) -> Parsed<Vec<Statement>> {
        let mut statements = Vec::new();
        loop {
            while matches!(self.peek(), b' ' | b'\n' | b';') {
                self.at += 1;
            }
            match (self.peek(), closer) {
                (b'#', _) => {
                    while !matches!(self.peek(), b'\n' | 0) {
                        self.at += 1;
                    }
                }
                (0, None) if self.at >= self.text.len() => return Ok(statements),
                (found, Some(closer)) if found == closer => {
                    self.at += 1;
                    return Ok(statements);
                }
                _ => {
                    statements.push(self.statement()?);
                    self.spaces();
                    let ends = matches!(self.peek(), b'\n' | b';' | b'}' | b']' | 0);
                    if !ends {
                        return self.fail("the end of the command");
                    }
                }
            }
        }
    }

    fn block(&mut self) -> Parsed<Statement> {
        self.need("{")?;
        self.statements(Some(b'}')).map(Statement::Block)
    }

    fn statement(&mut self) -> Parsed<Statement> {
        match self.peek() {
            b'{' => self.block(),
            b':' => self.global(),
            b'/' => self.command(),
            _ => self.fail("a command"),
        }
    }

    fn global(&mut self) -> Parsed<Statement> {
        self.need(":")?;
        let word = self.word()?;
        self.spaces();
        Ok(match word.as_str() {
            "local" | "set" => {
                let name = self.word()?;
                self.need(" ")?;
                let value = self.term()?;
                if word == "set" {
                    Statement::Set(name, value)
                } else {
                    Statement::Local(name, value)
                }
            }
            "if" => {
                let condition = self.term()?;
                self.need(" do=")?;
                let then = Box::new(self.block()?);
                let other = match self.take(" else=") {
                    true => Some(Box::new(self.block()?)),
                    false => None,
                };
                Statement::If(condition, then, other)
            }
            "do" => {
                let body = Box::new(self.block()?);
                let caught = match self.take(" on-error=") {
                    true => Some(Box::new(self.block()?)),
                    false => None,
                };
                Statement::Do(body, caught)
            }
            "foreach" => {
                let name = self.word()?;
                self.need(" in=")?;
                let of = self.term()?;
                self.need(" do=")?;
                Statement::Foreach(name, of, Box::new(self.block()?))
            }
            "error" => Statement::Error(self.term()?),
            "put" => Statement::Say(self.term()?),
            "log" => {
                self.need("warning ")?;
                Statement::Say(self.term()?)
            }
            "len" => Statement::Len(self.term()?),
            "pick" => {
                let of = self.term()?;
                self.need(" ")?;
                Statement::Pick(of, self.term()?)
            }
            _ => return self.fail("a known global command"),
        })
    }

    fn command(&mut self) -> Parsed<Statement> {
        let menus = [
            super::NAT,
            super::FILTER6,
            super::FILTER,
            super::CONNECTIONS,
            super::SCHEDULER,
        ];
        let Some(menu) = menus.into_iter().find(|menu| self.take(menu)) else {
            return self.fail("a known menu");
        };
        let menu = menu.to_owned();
        self.need(" ")?;
        Ok(match self.word()?.as_str() {
            "find" => {
                self.need(" where ")?;
                Statement::Find(menu, self.conditions()?)
            }
            "get" => {
                self.need(" ")?;
                let of = self.term()?;
                self.need(" ")?;
                Statement::Get(menu, of, self.word()?)
            }
            "set" => {
                self.need(" ")?;
                let of = self.term()?;
                Statement::SetItems(menu, of, self.named()?)
            }
            "remove" => {
                self.need(" ")?;
                Statement::Remove(menu, self.term()?)
            }
            "add" => Statement::Add(menu, self.named()?),
            _ => return self.fail("a known command"),
        })
    }

    /// ` name=value …`
    fn named(&mut self) -> Parsed<Vec<(String, Expr)>> {
        let mut named = Vec::new();
        while self.take(" ") {
            let name = self.word()?;
            self.need("=")?;
            named.push((name, self.term()?));
        }
        Ok(named)
    }

    /// Conditions joined by `and`, or by `or`; never by both, whose order is nowhere written.
    fn conditions(&mut self) -> Parsed<Where> {
        let first = self.condition()?;
        for (joint, join) in [
            (" and ", Where::And as fn(Vec<Where>) -> Where),
            (" or ", Where::Or),
        ] {
            if self.text[self.at..].starts_with(joint.as_bytes()) {
                let mut all = vec![first];
                while self.take(joint) {
                    all.push(self.condition()?);
                }
                return Ok(join(all));
            }
        }
        Ok(first)
    }

    fn condition(&mut self) -> Parsed<Where> {
        if self.take("!(") {
            let inner = self.conditions()?;
            self.need(")")?;
            return Ok(Where::Not(Box::new(inner)));
        }
        let name = self.word()?;
        let operators = ["!=", "=", "~"];
        let Some(operator) = operators.into_iter().find(|operator| self.take(operator)) else {
            return self.fail("an operator");
        };
        Ok(Where::Compare(name, operator.to_owned(), self.term()?))
    }

    fn term(&mut self) -> Parsed<Expr> {
        match self.peek() {
            b'"' => self.string(),
            b'$' => {
                self.at += 1;
                self.word().map(Expr::Variable)
            }
            b'[' => {
                self.at += 1;
                let mut inside = self.statements(Some(b']'))?;
                match (inside.pop(), inside.is_empty()) {
                    (Some(only), true) => Ok(Expr::Command(Box::new(only))),
                    _ => self.fail("one command in brackets"),
                }
            }
            b'(' => {
                self.at += 1;
                let mut left = self.term()?;
                while !self.take(")") {
                    self.need(" ")?;
                    let operators = ["!=", "=", ">", "&&", "||", "."];
                    let Some(operator) = operators.into_iter().find(|o| self.take(o)) else {
                        return self.fail("an operator");
                    };
                    self.need(" ")?;
                    let right = self.term()?;
                    left = Expr::Binary(Box::new(left), operator.to_owned(), Box::new(right));
                }
                Ok(left)
            }
            _ => self.bare(),
        }
    }

    /// A value without quotes.
    fn bare(&mut self) -> Parsed<Expr> {
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || matches!(self.peek(), b'-' | b',') {
            self.at += 1;
        }
        let word = String::from_utf8_lossy(&self.text[start..self.at]).into_owned();
        Ok(match word.as_str() {
            "" => return self.fail("a value"),
            "true" => Expr::Truth(true),
            "false" => Expr::Truth(false),
            number if number.bytes().all(|b| b.is_ascii_digit()) => {
                Expr::Number(number.parse().map_err(|_| "a number".to_owned())?)
            }
            text => Expr::Text(vec![Piece::Text(text.bytes().collect())]),
        })
    }

    fn string(&mut self) -> Parsed<Expr> {
        self.need("\"")?;
        let mut pieces = Vec::new();
        let mut text = Vec::new();
        loop {
            let byte = self.peek();
            self.at += 1;
            match byte {
                b'"' => break,
                b'$' => {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Variable(self.word()?));
                }
                b'\\' => text.push(self.escaped()?),
                0 | b'\n' | b'?' | 0x7f.. => return self.fail("a closed string of plain text"),
                plain => text.push(plain),
            }
        }
        pieces.push(Piece::Text(text));
        Ok(Expr::Text(pieces))
    }

    fn escaped(&mut self) -> Parsed<u8> {
        let byte = self.peek();
        self.at += 1;
        let digit = |b: u8| match b {
            b'0'..=b'9' => Some(b - b'0'),
            b'A'..=b'F' => Some(b - b'A' + 10),
            _ => None,
        };
        match byte {
            b'"' | b'\\' | b'$' => Ok(byte),
            high => {
                let low = self.peek();
                self.at += 1;
                match (digit(high), digit(low)) {
                    (Some(high), Some(low)) => Ok(high << 4 | low),
                    _ => self.fail("an escape"),
                }
            }
        }
    }
}
