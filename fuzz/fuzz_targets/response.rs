//! Any bytes are a reply or an error, and a reply comes back from its JSON as it went.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nono_core::SupervisorResponse;
use nono_core::wire::Reply;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(reply) = serde_json::from_slice::<Reply>(bytes) {
        let json = serde_json::to_vec(&reply).expect("a reply serialises");
        assert_eq!(serde_json::from_slice::<Reply>(&json).expect("it was written so"), reply);

        let Reply::Decision(response) = reply;
        let SupervisorResponse::Decision { request_id, decision } =
            serde_json::from_slice(bytes).expect("more fields do not matter");
        assert_eq!((request_id, decision), (response.request_id, response.decision));
    }
});
