//! Any bytes are a message or an error, and a message comes back from its JSON as it went.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nono_core::SupervisorMessage;
use nono_core::wire::Message;

fuzz_target!(|bytes: &[u8]| {
    let message = serde_json::from_slice::<Message>(bytes);
    if let Ok(message) = &message {
        let json = serde_json::to_vec(message).expect("a message serialises");
        assert_eq!(&serde_json::from_slice::<Message>(&json).expect("it was written so"), message);
    }
    // The specified form is read wherever the whole one is, but for a first greeting.
    if let Ok(Message::Request(request)) = message {
        let SupervisorMessage::Request(plain) =
            serde_json::from_slice(bytes).expect("more fields do not matter");
        assert_eq!(plain.request_id, request.request.request_id);
    }
});
