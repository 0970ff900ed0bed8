use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What the test has told to look for.
pub struct Wanted<'a> {
    /// The secret backwards, so that it is not found in what tells it.
    pub reversed: &'a str,
    /// Files of the host that hold it, by `:`.
    pub files: &'a str,
    /// The host's namespaces as `pid:[…],net:[…]`.
    pub namespaces: &'a str,
}

/// What could be seen although nothing should be, a line each.
pub fn look(wanted: &Wanted) -> Vec<String> {
    let secret: String = wanted.reversed.chars().rev().collect();
    let mut seen = Vec::new();
    for file in wanted.files.split(':').chain(["/etc/shadow", "/etc/gshadow"]) {
        if fs::read(file).is_ok() {
            seen.push(format!("{file} can be read"));
        }
        let folder = Path::new(file).parent().unwrap();
        let others = fs::read_dir(folder).map(|entries| entries.count()).unwrap_or(0);
        if others > 0 && !["/etc", "/tmp"].iter().any(|own| folder == Path::new(own)) {
            seen.push(format!("{} can be listed", folder.display()));
        }
    }
    for (name, value) in std::env::vars() {
        if value.contains(&secret) {
            seen.push(format!("the variable {name} has the secret"));
        }
    }
    seen.extend(processes(&secret));
    seen.extend(rights());
    seen.extend(namespaces(wanted.namespaces));
    for device in ["/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse"] {
        if fs::File::open(device).is_ok() {
            seen.push(format!("{device} can be opened"));
        }
    }
    seen
}

/// Processes that have nothing to do with the build.
fn processes(secret: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let folder = entry.path();
        for part in ["environ", "cmdline"] {
            let text = fs::read(folder.join(part)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).replace('\0', " ");
            if text.contains(secret) {
                seen.push(format!("{}/{part} has the secret", folder.display()));
            }
            if part == "cmdline" && text.contains("buildsrs-executor-host") {
                seen.push(format!("{} is the executor host", folder.display()));
            }
        }
    }
    seen
}

/// Capabilities, and the bit that would let a program give itself some.
fn rights() -> Vec<String> {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let expected = BTreeSet::from([("CapEff", "0000000000000000"), ("CapPrm", "0000000000000000"), ("NoNewPrivs", "1")]);
    let found = status.lines().filter_map(|line| line.split_once(':'));
    let found: BTreeSet<_> = found.map(|(name, value)| (name, value.trim())).collect();
    expected.difference(&found).map(|(name, value)| format!("{name} is not {value}")).collect()
}

fn namespaces(host: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for namespace in host.split(',') {
        let (kind, _) = namespace.split_once(':').unwrap();
        let own = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        if own == Path::new(namespace) {
            seen.push(format!("the namespace {namespace} is the host's"));
        }
    }
    seen
}
