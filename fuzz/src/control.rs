//! The control protocol's lines: any bytes are read or refused, and what was read says itself
//! again.

use clusterd::control::{Reply, Request};
use serde_json::{from_slice, to_vec};

/// A line as it came over the socket.
pub fn hold(line: &[u8]) {
    if let Ok(request) = from_slice::<Request>(line) {
        let again = to_vec(&request).expect("a request is JSON");
        // What is shorter in the line: names that may be left out.
        assert!(again.len() <= line.len() * 6 + 200, "it grew");
        assert!(!again.contains(&b'\n'), "a request is one line");
        assert_eq!(
            from_slice::<Request>(&again).expect("it reads itself"),
            request
        );
    }
    if let Ok(reply) = from_slice::<Reply>(line) {
        let again = to_vec(&reply).expect("a reply is JSON");
        assert!(!again.contains(&b'\n'), "a reply is one line");
        assert_eq!(from_slice::<Reply>(&again).expect("it reads itself"), reply);
    }
}
