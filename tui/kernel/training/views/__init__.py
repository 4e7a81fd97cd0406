"""Pictures of a model at work, written beside its run: each is a dataclass of `tui.protocol.views` in a file.

None of it may fail a run or change it: parameters, buffers, modes and random streams are as they were afterwards.

    board       what is made when, and that it stays cheap        (the loop's door)
    gathering   confusion matrix and worst samples, from an evaluation that runs anyway
    tasks       what is learned: classes, yes or no, values
    boundary    what a model of two inputs says on the plane
    filters     the weights of the first convolution
    previews    what the preset's own `preview` returned
    images      tensors as small pictures
    writing     a file for each, replaced atomically
"""
