pub fn nothing_to_start() {}
