//! Records on standard output of this process: the one thing that the library prints.

use std::io::{self, ErrorKind, Write};
use std::thread;
use std::time::Duration;

use super::line::line;
use super::{Record, WriteError};

const PREFIX: &str = "AUDIT_LOG: ";

/// Writes each record as a line.
pub(super) fn write(records: &[Record]) -> Result<(), WriteError> {
    let mut stdout = io::stdout().lock();
    let mut failed = None;
    let mut count = 0;
    for record in records {
        if let Err(error) = line(PREFIX, record).and_then(|line| write_line(&mut stdout, &line)) {
            count += 1;
            failed = Some(error);
        }
    }
    failed.map_or(Ok(()), |source| Err(WriteError { count, place: "standard output".to_owned(), source }))
}

/// One write where the other side takes it all. Node makes its standard output non-blocking when that is a pipe: a
/// full one is then waited for here, as it would be otherwise in the kernel.
fn write_line(out: &mut impl Write, mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match out.write(line) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => line = &line[written..],
            Err(error) => wait(error)?,
        }
    }
    while let Err(error) = out.flush() {
        wait(error)?;
    }
    Ok(())
}

fn wait(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::Interrupted => Ok(()),
        ErrorKind::WouldBlock => {
            thread::sleep(Duration::from_millis(5));
            Ok(())
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes three bytes at every second attempt.
    #[derive(Default)]
    struct Reluctant {
        taken: Vec<u8>,
        refused: bool,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.refused = !self.refused;
            if self.refused {
                return Err(ErrorKind::WouldBlock.into());
            }
            let taken = bytes.len().min(3);
            self.taken.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_pipe_is_waited_for() {
        let mut out = Reluctant::default();
        write_line(&mut out, b"0123456789\n").expect("patience");
        assert_eq!(out.taken, b"0123456789\n");
    }

    #[test]
    fn a_closed_one_is_an_error() {
        let mut nowhere: &mut [u8] = &mut [];
        assert!(write_line(&mut nowhere, b"x").is_err());
    }
}
