//! A piece of work whose panic is its own: whoever began it is told, and goes on. With no thread to be had
//! (`TasksMax`, `RLIMIT_NPROC`) the runtime panics where a name is looked up or a file is read aside.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

/// Does `work`, or gives the words of its panic.
///
/// What the work changes half must be whole, or made anew: after a panic nothing else of it is used.
pub(crate) fn caught<F: Future>(
    mut work: Pin<&mut F>,
) -> impl Future<Output = Result<F::Output, String>> {
    poll_fn(move |context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Err(words(&*panic)).into(),
        }
    })
}

/// What a panic said.
pub(crate) fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_goes_no_further() {
        let well = caught(pin!(async { 5 })).await;
        assert_eq!(well, Ok(5));
        let late: Result<(), String> = caught(pin!(async {
            tokio::task::yield_now().await;
            panic!("no thread {}", 7)
        }))
        .await;
        assert_eq!(late, Err("no thread 7".to_owned()));
    }
}
