//! One GET over a connection that is made for it: HTTP/1.1, answers of at most a megabyte.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::RangeInclusive;

/// The largest head of an answer.
const HEAD: usize = 64 << 10;
/// The largest answer that is read: certificates and settings have some thousand bytes.
pub const BODY: usize = 1 << 20;
/// More headers than any server of K3s sends.
const HEADERS: usize = 64;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header `Date`, as it is written.
    pub date: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The connection failed; `TimedOut` at its deadline.
    Io(io::Error),
    /// It is no answer in HTTP; its first bytes.
    NotHttp(Vec<u8>),
    /// It is larger than is read.
    Endless,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == ErrorKind::TimedOut => {
                write!(f, "no whole answer within the limit")
            }
            Self::Io(error) => write!(f, "{error}"),
            Self::NotHttp(bytes) => {
                let text = String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned();
                write!(f, "the answer is no HTTP: {text:?}")
            }
            Self::Endless => write!(f, "the answer is larger than {BODY} bytes"),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Asks for `path` and reads the answer to its end.
///
/// # Errors
/// There is none.
pub fn get(
    stream: &mut (impl Read + Write),
    host: &str,
    path: &str,
    authorization: Option<&[u8]>,
) -> Result<Answer, Trouble> {
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: k3s-join\r\nConnection: close\r\n"
    )
    .into_bytes();
    if let Some(authorization) = authorization {
        request.extend([b"Authorization: ", authorization, b"\r\n"].concat());
    }
    request.extend(b"\r\n");
    stream.write_all(&request)?;
    stream.flush()?;
    read(stream)
}

/// How the end of a body is known.
enum Length {
    Known(usize),
    Chunked,
    ToEnd,
}

fn read(stream: &mut impl Read) -> Result<Answer, Trouble> {
    let mut bytes = Vec::new();
    let (mut answer, length, start) = loop {
        if let Some(head) = head(&bytes)? {
            break head;
        }
        if bytes.len() > HEAD || more(stream, &mut bytes)? == 0 {
            return Err(Trouble::NotHttp(bytes));
        }
    };
    let mut body = bytes.split_off(start);
    answer.body = match length {
        Length::Known(length) if length > BODY => return Err(Trouble::Endless),
        Length::Known(length) => {
            while body.len() < length {
                if more(stream, &mut body)? == 0 {
                    return Err(Trouble::Io(ErrorKind::UnexpectedEof.into()));
                }
            }
            body.truncate(length);
            body
        }
        Length::ToEnd => {
            while more(stream, &mut body)? > 0 {}
            body
        }
        Length::Chunked => chunks(stream, body)?,
    };
    Ok(answer)
}

/// Reads once; how much came. What is larger than is read ends it.
fn more(stream: &mut impl Read, into: &mut Vec<u8>) -> Result<usize, Trouble> {
    if into.len() > BODY {
        return Err(Trouble::Endless);
    }
    let mut buffer = [0; 8 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(length) => {
                into.extend(&buffer[..length]);
                return Ok(length);
            }
            // Servers that close without TLS's own farewell; the length says whether all was there.
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Status, date and the body's start, once the whole head is there.
fn head(bytes: &[u8]) -> Result<Option<(Answer, Length, usize)>, Trouble> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let start = match response.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Trouble::NotHttp(bytes.to_vec())),
    };
    let header = |name: &str| {
        let found = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let chunked = header("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().contains("chunked"));
    let length = match (chunked, header("content-length").map(str::parse)) {
        (true, _) => Length::Chunked,
        (false, Some(Ok(length))) => Length::Known(length),
        (false, Some(Err(_))) => return Err(Trouble::NotHttp(bytes.to_vec())),
        (false, None) => Length::ToEnd,
    };
    let answer = Answer {
        status: response.code.unwrap_or(0),
        date: header("date").map(str::to_owned),
        body: Vec::new(),
    };
    Ok(Some((answer, length, start)))
}

/// A body in chunks (RFC 9112, 7.1); trailers are left.
fn chunks(stream: &mut impl Read, mut bytes: Vec<u8>) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    loop {
        let (start, size) = loop {
            match httparse::parse_chunk_size(&bytes) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => {}
                Err(_) => return Err(Trouble::NotHttp(bytes)),
            }
            if more(stream, &mut bytes)? == 0 {
                return Err(Trouble::Io(ErrorKind::UnexpectedEof.into()));
            }
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size == 0 {
            return Ok(body);
        }
        if size > BODY || body.len() + size > BODY {
            return Err(Trouble::Endless);
        }
        while bytes.len() < start + size + 2 {
            if more(stream, &mut bytes)? == 0 {
                return Err(Trouble::Io(ErrorKind::UnexpectedEof.into()));
            }
        }
        body.extend(&bytes[start..start + size]);
        bytes.drain(..start + size + 2);
    }
}

/// The seconds since 1970 of a header `Date` (RFC 9110, 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn date_seconds(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (_, rest) = text.split_once(", ")?;
    let words: Vec<&str> = rest.split(' ').collect();
    let &[day, month, year, time, "GMT"] = words.as_slice() else {
        return None;
    };
    let (day, year) = (number(day, 1..=31)?, number(year, 1..=9999)?);
    let month = i64::try_from(MONTHS.iter().position(|name| *name == month)?).ok()? + 1;
    let parts: Vec<&str> = time.split(':').collect();
    let &[hour, minute, second] = parts.as_slice() else {
        return None;
    };
    let (hour, minute) = (number(hour, 0..=23)?, number(minute, 0..=59)?);
    // A leap second is one more.
    let second = number(second, 0..=60)?;
    // Days from the civil date, after Howard Hinnant's `days_from_civil`.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let year_of_era = year.rem_euclid(400);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some((era * 146_097 + day_of_era - 719_468) * 86_400 + hour * 3600 + minute * 60 + second)
}

/// A number within what a date can have: it comes from whoever answers.
fn number(text: &str, range: RangeInclusive<i64>) -> Option<i64> {
    text.parse().ok().filter(|number| range.contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Answer, Trouble> {
        read(&mut text.as_bytes())
    }

    #[test]
    fn bodies_end_where_they_say() {
        let body = |text: &str| answer(text).map(|answer| String::from_utf8(answer.body).unwrap());
        assert_eq!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npongX").unwrap(),
            "pong"
        );
        assert_eq!(
            body("HTTP/1.1 200 OK\r\n\r\nto the end").unwrap(),
            "to the end"
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(body(chunked).unwrap(), "abcde");
        assert!(matches!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
            Err(Trouble::Io(_))
        ));
        assert!(matches!(
            body("HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n"),
            Err(Trouble::Endless)
        ));
        assert!(matches!(
            body("SSH-2.0-OpenSSH_9.2\r\n"),
            Err(Trouble::NotHttp(_))
        ));
        assert!(matches!(body(""), Err(Trouble::NotHttp(_))));
        let mut endless = io::repeat(b'x');
        let head = "HTTP/1.1 200 OK\r\n\r\n".as_bytes();
        assert!(matches!(
            read(&mut head.chain(&mut endless)),
            Err(Trouble::Endless)
        ));
        let chunk = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n";
        assert!(matches!(body(chunk), Err(Trouble::Endless)));
    }

    #[test]
    fn dates_are_seconds() {
        assert_eq!(
            date_seconds("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(784_111_777)
        );
        assert_eq!(
            date_seconds("Thu, 29 Feb 2024 00:00:00 GMT"),
            Some(1_709_164_800)
        );
        assert_eq!(date_seconds("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        for bad in [
            "yesterday",
            "Sun, 06 Nov 9223372036854775807 08:49:37 GMT",
            "Sun, 06 Nov 1994 9223372036854775807:49:37 GMT",
            "Sun, 9223372036854775807 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:-1:37 GMT",
        ] {
            assert_eq!(date_seconds(bad), None, "{bad}");
        }
        assert_eq!(crate::check::date(784_111_777), "1994-11-06 08:49:37 UTC");
        assert_eq!(crate::check::date(1_709_164_800), "2024-02-29 00:00:00 UTC");
        assert_eq!(crate::check::date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(crate::check::date(-1), "1969-12-31 23:59:59 UTC");
    }
}
