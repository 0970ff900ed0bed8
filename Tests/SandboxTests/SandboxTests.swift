import ExecutorKit
import Foundation
import Sandbox
import Testing

@Suite("A sandbox", .serialized)
struct SandboxTests {
  @Test("tells exit status, missing program, signal and time-out apart")
  func endings() async throws {
    let run = try SandboxRun()
    #expect(try await run.shell("exit 0").result.succeeded)
    #expect(try await run.shell("exit 3").result.ending == .exited(status: 3))
    #expect(try await run.run(["no-such-program"]).result.ending == .exited(status: 127))
    #expect(try await run.run(["/etc"]).result.ending == .exited(status: 126))
    #expect(try await run.shell("kill -SEGV $$").result.ending == .signalled(number: 11))
    let late = try await run.shell("sleep 600.125 & sleep 600.125", time: 1).result
    #expect(late.ending == .timedOut)
    #expect(late.seconds < 3)
    #expect(run.leftovers(marked: "600.125") == [])
  }

  @Test("hands out both streams while the command runs")
  func streams() async throws {
    let run = try SandboxRun()
    let kinds = Collected()
    let (result, text) = try await run.run(
      ["sh", "-c", "echo out; sleep 0.1; echo err >&2"]
    ) {
      kinds.add(CommandOutput(.standardOutput, $0.stream == .standardError ? [101] : [111]))
    }
    #expect(result.succeeded)
    #expect(text == "out\nerr\n")
    #expect(kinds.text == "oe")
  }

  @Test(
    "has exactly the given variables and PATH, an empty standard input, and no other descriptor")
  func environment() async throws {
    let run = try SandboxRun()
    setenv("BUILDSRS_SECRET_OF_TEST", "1", 1)
    let variables = try await run.run(["env"], variables: ["A": "b c", "PATH": "/nowhere"]).text
    #expect(
      variables.split(separator: "\n").sorted() == ["A=b c", "PATH=/usr/local/bin:/usr/bin:/bin"])
    #expect(try await run.run(["sh", "-c", "cat; ls /proc/self/fd"]).text == "0\n1\n2\n3\n")
  }

  @Test("is nobody, without capabilities, new privileges or user namespaces of its own")
  func powerless() async throws {
    let run = try SandboxRun()
    let status = try await run.run(["cat", "/proc/self/status"]).text
    #expect(status.contains("Uid:\t65534\t65534\t65534\t65534"))
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(status.contains("\(set):\t0000000000000000"))
    }
    #expect(status.contains("NoNewPrivs:\t1"))
    #expect(try await run.shell("unshare --user true").result.ending == .exited(status: 1))
    // On the host, too: what it writes is not root's.
    #expect(try await run.shell("echo x >file").result.succeeded)
    let owner = try FileManager.default.attributesOfItem(atPath: run.writable + "/file")
    #expect((owner[.ownerAccountID] as? Int) == (geteuid() == 0 ? 65534 : Int(geteuid())))
  }

  @Test("sees its mounts, and nothing else of the host")
  func hidden() async throws {
    let run = try SandboxRun()
    #expect(try await run.run(["cat", "/build/readable/file"]).text == "seen\n")
    #expect(
      try await run.shell("ls -A /").text == "bin\nbuild\ndev\netc\nlib\nlib64\nproc\ntmp\nusr\n")
    #expect(try await run.shell("ls -A /etc /mnt /root /home /sys 2>/dev/null").text == "/etc:\n")
    // Its own init and itself are all processes there are.
    let processes = try await run.shell("ls /proc | grep -c '^[0-9]'").text
    #expect((Int(processes.trimmingCharacters(in: .newlines)) ?? 99) <= 5)
    // Not even where the builder was started.
    #expect(try await run.shell("tr '\\0' '\\n' </proc/1/environ | grep PWD").text == "")
    #expect(try await run.shell("cat /proc/net/dev | tail -n +3 | cut -d: -f1").text == "    lo\n")
  }

  @Test("can write its writable mounts and /tmp, where programs run, and nothing else")
  func readOnly() async throws {
    let run = try SandboxRun()
    let script = """
      for path in / /usr /etc /build /build/readable /build/readable/file /dev /proc/sys/kernel; do
        if [ -d $path ]; then touch $path/new; else echo >$path; fi 2>/dev/null && echo $path
      done
      cp /bin/true /tmp/program && /tmp/program && touch /build/writable/new /dev/shm/new && echo well
      """
    #expect(try await run.shell(script).text == "well\n")
  }

  @Test("keeps memory within its limit, whoever is killed for it")
  func memory() async throws {
    let run = try SandboxRun(Limits(memory: 64 << 20, disk: 1 << 30, processes: 64))
    // tail keeps what may be its last line.
    let hog = "head -c 200000000 /dev/zero | tail -n 1 >/dev/null"
    let alone = try await run.shell(hog).result
    #expect(alone.ending == .outOfMemory)
    #expect((alone.peakMemory ?? 0) > 32 << 20)
    #expect(try await run.shell("(\(hog)) || exit 1").result.ending == .outOfMemory)
    // A command that gets on without its child has not failed.
    #expect(try await run.shell("(\(hog)); exit 0").result.ending == .exited(status: 0))
    // /tmp is half of it, and full before memory is.
    let full = try await run.shell("head -c 50000000 /dev/zero >/tmp/file")
    #expect(full.result.ending == .exited(status: 1))
    #expect(full.text.contains("No space left on device"))
  }

  @Test("keeps processes and sizes of files within their limits")
  func processes() async throws {
    let run = try SandboxRun(Limits(memory: 256 << 20, disk: 1 << 20, processes: 16))
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 5 & done"
    let bomb = try await run.shell(script)
    #expect(bomb.result.ending == .exited(status: 2))
    #expect(bomb.text.contains("Cannot fork"))
    let file = try await run.run(["head", "-c", "2000000", "/dev/zero", "--"])
    #expect(file.result.succeeded)
    let written = try await run.run(["dd", "if=/dev/zero", "of=file", "bs=65536", "count=32"])
    #expect(written.result.ending == .signalled(number: SIGXFSZ))
  }

  @Test("leaves nothing when it is cancelled, within two seconds")
  func cancellation() async throws {
    let run = try SandboxRun()
    let printed = Collected()
    let script = "setsid sh -c 'trap \"\" TERM HUP; sleep 700.25' & echo ready; sleep 700.25"
    let task = Task {
      try await run.run(["sh", "-c", script], time: 900) { printed.add($0) }
    }
    await printed.contains("ready")
    #expect(!SandboxRun.processes(marked: "700.25").isEmpty)
    let start = ContinuousClock.now
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(run.leftovers(marked: "700.25") == [])
  }

  @Test("ends a daemon with the command that left it behind")
  func daemon() async throws {
    let run = try SandboxRun()
    let ended = try await run.shell("setsid sleep 800.5 >/dev/null 2>&1 & exit 0")
    #expect(ended.result.succeeded)
    #expect(run.leftovers(marked: "800.5") == [])
  }

  @Test("runs two commands at once that do not see each other")
  func apart() async throws {
    let run = try SandboxRun()
    async let first = run.shell("touch /tmp/mark; sleep 0.5; ls /tmp; ls /proc | grep -c '^[0-9]'")
    async let second = run.shell(
      "touch /tmp/other; sleep 0.5; ls /tmp; ls /proc | grep -c '^[0-9]'")
    let texts = try await [first.text, second.text]
    #expect(texts[0].hasPrefix("mark\n") && !texts[0].contains("other"))
    #expect(texts[1].hasPrefix("other\n") && !texts[1].contains("mark"))
  }

  @Test("that cannot be made is the machine's fault, with bubblewrap's words")
  func broken() async throws {
    let run = try SandboxRun()
    let spec = SandboxSpec(
      root: run.folder + "/root",
      mounts: [Mount(source: run.folder + "/missing", destination: "/x", isWritable: false)])
    let sandbox = try Sandbox(spec, identity: run.identity, scratchDirectory: run.folder)
    let failure = await #expect(throws: ExecutorFailure.self) {
      _ = try await sandbox.run(EnvironmentCommand(["true"], timeLimitSeconds: 5)) { _ in }
    }
    #expect(failure?.failureClass == .infrastructure)
    #expect(failure?.message.contains("missing") == true)
    #expect(run.leftovers(marked: run.folder + "/missing") == [])
  }

  @Test("is found by a sweep of its owner, unless its attempt is alive")
  func sweep() async throws {
    let run = try SandboxRun()
    let printed = Collected()
    let task = Task {
      try await run.run(["sh", "-c", "echo ready; sleep 900.75"], time: 900) { printed.add($0) }
    }
    await printed.contains("ready")
    let owner = run.identity.owner
    let spared = await Sandbox.sweep(SweepRequest(owner: owner, alive: [run.identity]))
    #expect(spared.removed == [])
    #expect(await Sandbox.sweep(SweepRequest(owner: "nobody", alive: [])).removed == [])
    #expect(!SandboxRun.processes(marked: "900.75").isEmpty)
    let swept = await Sandbox.sweep(SweepRequest(owner: owner, alive: []))
    #expect(swept.removed == ["sandbox of job \(run.identity.job), attempt 2"])
    // Whoever waits for it sees the end of the command, or first that the sandbox is gone.
    switch await task.result {
    case .success(let ended): #expect(ended.result.ending == .signalled(number: 9))
    case .failure(let error): #expect(error is ExecutorFailure)
    }
    #expect(run.leftovers(marked: "900.75") == [])
  }

  @Test("can be made here, or the reason and a remedy are told")
  func health() async throws {
    let trouble = await SandboxHealth.trouble()
    #expect(trouble == nil, "\(trouble?.reason ?? ""): \(trouble?.remedy ?? "")")
  }
}
