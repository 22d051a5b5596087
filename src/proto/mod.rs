//! Wire codecs, pure and sans I/O: bytes of the wire in, bytes of the console out, and back.
//! They know no socket and no clock; `console/` drives them, the simulator's ports too.

pub mod rfc2217;
pub mod telnet;
