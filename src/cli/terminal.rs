//! Asking whoever sits at the terminal.

use crate::guard::{Answer, Ask, Person, Question};
use futures_util::{FutureExt as _, future::BoxFuture};
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Arc,
    thread,
};
use tokio::sync::oneshot;

/// The person at the terminal, where there is one to read the question and one to type the answer at.
pub(super) fn person() -> Person {
    if is_attended() { Person::Present(Arc::new(Terminal)) } else { Person::Absent }
}

/// Whether someone can be asked.
pub(super) fn is_attended() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error; only a `y` is a yes.
pub(super) async fn confirms(question: &str) -> Answer {
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let (said, hears) = oneshot::channel();
    // In a thread of its own, which nothing waits for: Ctrl-C ends the program at once.
    thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = said.send(read.map(|_| line));
    });
    match hears.await {
        Ok(Ok(line)) if line.is_empty() => Answer::Dismissed,
        Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes" | "Yes" | "YES") => Answer::Approved,
        Ok(Ok(_)) => Answer::Declined,
        Ok(Err(_)) | Err(_) => Answer::Unusable,
    }
}

#[derive(Debug)]
struct Terminal;

impl Ask for Terminal {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Answer> {
        async move { confirms(&format!("{}\n\nApprove?", question.text)).await }.boxed()
    }

    fn is_owner(&self) -> bool {
        true
    }
}
