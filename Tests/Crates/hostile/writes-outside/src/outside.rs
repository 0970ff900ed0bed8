use std::fs::{self, OpenOptions, Permissions};
use std::os::unix::fs::PermissionsExt;

const FOLDERS: [&str; 22] = [
    "/", "/build", "/build/crate", "/build/crate/src", "/build/vendor", "/build/store",
    "/build/binaries", "/usr", "/usr/bin", "/usr/lib", "/usr/local/bin", "/etc", "/bin", "/lib",
    "/opt", "/var", "/var/cache", "/root", "/home", "/proc", "/sys", "/sys/fs/cgroup",
];
const FILES: [&str; 6] = [
    "/build/crate/Cargo.toml", "/etc/passwd", "/usr/bin/cargo", "/proc/sys/kernel/core_pattern",
    "/proc/sysrq-trigger", "/sys/kernel/uevent_helper",
];

/// What could be written although nothing should be.
pub fn write_outside() -> Vec<String> {
    let mut written = Vec::new();
    for folder in FOLDERS {
        let file = format!("{folder}/buildsrs-conformance");
        if fs::write(&file, "was here").is_ok() {
            written.push(file);
        }
        if fs::set_permissions(folder, Permissions::from_mode(0o777)).is_ok() {
            written.push(format!("the mode of {folder}"));
        }
    }
    // Opened only: harmless where it works.
    let opened = FILES.iter().filter(|file| OpenOptions::new().write(true).open(file).is_ok());
    written.extend(opened.map(|file| file.to_string()));
    written
}
