/// The name that `tiny` says.
pub fn name() -> &'static str {
    "tiny"
}
