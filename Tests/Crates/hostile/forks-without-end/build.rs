use std::{env, fs, process::{Command, Stdio}, thread::sleep, time::Duration};

// Generations of twins: at most 2^8 - 1 = 255 processes, whatever the limit is.
const GENERATIONS: u32 = 7;

fn main() {
    let generation: u32 = env::args().nth(1).map_or(0, |text| text.parse().unwrap());
    if generation == 0 {
        start_twins(0);
        let most = most_at_once();
        publish("measured", &most.to_string());
        panic!("the processes were not limited: {most} lived at once");
    }
    if generation < GENERATIONS {
        start_twins(generation);
    }
    sleep(Duration::from_secs(20));
}

/// Twins are not waited for. One that cannot be started ends the build script, as it would end most.
fn start_twins(generation: u32) {
    for _ in 0..2 {
        let next = (generation + 1).to_string();
        let mut twin = Command::new(env::current_exe().unwrap());
        // Cargo reads a build script's output until nobody holds it open any more.
        twin.arg(next).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = twin.spawn() {
            publish("measured", &living().to_string());
            publish("refused", &error.to_string());
            sleep(Duration::from_secs(20));
        }
    }
}

/// Under another name first: many write at once, and all are killed while they do.
fn publish(name: &str, text: &str) {
    let draft = format!("/build/target/{name}-{}", std::process::id());
    fs::write(&draft, text).unwrap();
    fs::rename(draft, format!("/build/target/{name}")).unwrap();
}

/// Looks for a while, until somebody was refused.
fn most_at_once() -> usize {
    let mut most = 0;
    for _ in 0..100 {
        most = most.max(living());
        if let Ok(error) = fs::read_to_string("/build/target/refused") {
            panic!("cannot start a process: {error}");
        }
        sleep(Duration::from_millis(50));
    }
    most
}

fn living() -> usize {
    let names = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).count()
}
