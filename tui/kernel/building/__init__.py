"""The kernel's side of the Builder: answers the requests of `tui.protocol.building`.

Plain functions of a namespace and a request, for the threads of subshells while cells and runs go on. Designs are
interpreted on the meta device, so nothing is allocated; the user's objects, the random streams and torch's defaults
stay as they are. `BuildingError` is what the user is told. Must not import a UI library; imports torch.
"""
