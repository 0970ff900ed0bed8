import BuilderProtocol
import FarmModel
import Testing

@testable import Backend

@Suite("places for ends of attempts")
struct FinishPlacesTests {
  private func finished(_ job: Int64) -> Finished {
    Finished(job: job, attempt: 1, outcome: .succeeded, report: nil)
  }

  @Test("as many as the builder has slots, at least one, never more than sixteen")
  func places() {
    #expect(FinishPlaces.places(slots: nil) == 1)
    #expect(FinishPlaces.places(slots: 0) == 1)
    #expect(FinishPlaces.places(slots: 3) == 3)
    #expect(FinishPlaces.places(slots: 1024) == 16)
  }

  @Test("one without a place waits and begins when another one ends")
  func waits() {
    var places = FinishPlaces()
    #expect(places.arrived(finished(1), places: 1) == .begins)
    #expect(places.arrived(finished(1), places: 1) == .isKnown)
    #expect(!places.isFull)
    #expect(places.arrived(finished(2), places: 1) == .waits)
    #expect(places.isFull)
    #expect(places.ended(finished(1).reference, places: 1) == finished(2))
    #expect(!places.isFull)
    #expect(places.ended(finished(2).reference, places: 1) == nil)
    #expect(places.arrived(finished(2), places: 1) == .begins, "told again after its end")
  }

  @Test("where the builder has fewer slots than before, the waiting one waits for its turn")
  func fewerSlots() {
    var places = FinishPlaces()
    #expect(places.arrived(finished(1), places: 2) == .begins)
    #expect(places.arrived(finished(2), places: 2) == .begins)
    #expect(places.arrived(finished(3), places: 2) == .waits)
    #expect(places.ended(finished(1).reference, places: 1) == nil)
    #expect(places.ended(finished(2).reference, places: 1) == finished(3))
  }
}
