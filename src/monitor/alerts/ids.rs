//! Ids of incidents and messages: the same for the same thing, in every process.

use aws_lc_rs::digest::{SHA256, digest};

/// How many hexadecimal digits an id has: 128 bits, which nobody meets twice by chance.
const DIGITS: usize = 32;

/// The id of what these parts say.
pub fn id(parts: &[&str]) -> String {
    // The length before each part, so that no two lists of parts read the same.
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    let hash = digest(&SHA256, text.as_bytes());
    let digits: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    digits[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_its_parts_and_nothing_else() {
        assert_eq!(id(&["a", "b"]), id(&["a", "b"]));
        assert_ne!(id(&["a", "b"]), id(&["ab"]));
        assert_ne!(id(&["a", "b"]), id(&["b", "a"]));
        assert_ne!(id(&["a"]), id(&["a", ""]));
        assert_eq!(id(&["a"]).len(), 32);
    }
}
