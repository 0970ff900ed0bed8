use std::{thread::sleep, time::Duration};

fn main() {
    println!("here to stay");
    sleep(Duration::from_secs(600));
}
