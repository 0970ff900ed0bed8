/// A shared library that is no executor module: it lacks the entry point.
public func nothingOfInterest() {}
