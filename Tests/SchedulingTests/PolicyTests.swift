import ExecutorKit
import FarmModel
import Scheduling
import Testing

@Suite("Scheduling decisions")
struct PolicyTests {
  let policy = RetryPolicy()

  @Test("the builder's faults are tried again with growing pauses, five times")
  func infrastructure() {
    var left = 5
    var pauses: [Double] = []
    while case .retry(let pause, let next, false) = policy.decide(
      .infrastructure, retriesLeft: left, limitsWereDoubled: false)
    {
      pauses.append(pause)
      left = next
    }
    #expect(pauses == [2, 4, 8, 16, 32])
  }

  @Test(
    "want of memory or time is tried once more with doubled limits",
    arguments: [FailureClass.outOfMemory, .timeout])
  func doubledLimits(failure: FailureClass) {
    #expect(
      policy.decide(failure, retriesLeft: 5, limitsWereDoubled: false)
        == .retry(afterSeconds: 0, retriesLeft: 5, doublesLimits: true))
    #expect(policy.decide(failure, retriesLeft: 5, limitsWereDoubled: true) == .fail)
    #expect(Limits(memory: 1, timeSeconds: 2).doubled == Limits(memory: 2, timeSeconds: 4))
  }

  @Test(
    "the crate's own failures are final",
    arguments: FailureClass.allCases.filter {
      ![.infrastructure, .leaseLost, .outOfMemory, .timeout, .cancelled].contains($0)
    })
  func final(failure: FailureClass) {
    #expect(policy.decide(failure, retriesLeft: 5, limitsWereDoubled: false) == .fail)
  }

  @Test("a cancelled attempt cancels its job")
  func cancelled() {
    #expect(policy.decide(.cancelled, retriesLeft: 5, limitsWereDoubled: false) == .cancel)
  }

  @Test("nothing expires until the database has answered for a whole lease")
  func expiry() {
    var expiryGuard = ExpiryGuard(terms: LeaseTerms(leaseSeconds: 60))
    #expect(!expiryGuard.mayExpire(at: 1000))
    for answer in stride(from: 1000.0, through: 1060, by: 5) {
      expiryGuard.databaseAnswered(at: answer)
    }
    #expect(!expiryGuard.mayExpire(at: 1059))
    #expect(expiryGuard.mayExpire(at: 1060))
    expiryGuard.databaseFailed()
    expiryGuard.databaseAnswered(at: 1070)
    #expect(!expiryGuard.mayExpire(at: 1100))
  }

  @Test("an answer that comes after half a lease of silence begins the wait anew")
  func silence() {
    var expiryGuard = ExpiryGuard(terms: LeaseTerms(leaseSeconds: 60))
    for answer in stride(from: 1000.0, through: 1100, by: 5) {
      expiryGuard.databaseAnswered(at: answer)
    }
    #expect(expiryGuard.mayExpire(at: 1100))
    expiryGuard.databaseAnswered(at: 1131)
    #expect(!expiryGuard.mayExpire(at: 1131))
    #expect(expiryGuard.mayExpire(at: 1191))
  }

  @Test("a heartbeat is a quarter of a lease")
  func terms() {
    #expect(LeaseTerms().heartbeatSeconds == 15)
    #expect(LeaseTerms(leaseSeconds: 1).leaseSeconds == 2)
  }

  @Test("a job's size fits exactly the builders with that memory")
  func sizes() {
    #expect(SizeClass(holding: Limits(memory: 4 << 30)).rawValue == 2)
    #expect(SizeClass(holding: Limits(memory: (4 << 30) + 1)).rawValue == 3)
    #expect(SizeClass(fittingInto: 24 << 30)?.rawValue == 4)
    #expect(SizeClass(fittingInto: 1 << 29) == nil)
  }
}
