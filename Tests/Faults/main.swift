import CommandLineSupport
import Foundation

exit(await CommandRunner.run(FaultsCommand.self))
