"""The scene of 3D Slicer: inputs from its nodes, results drawn into it, pictures of it.

The only room that imports slicer or vtk, and the only one in RAS. Everything but the off-screen host
(host, views, hierarchy, pictures) runs in the Slicer application and on the slicer-core package alike.
"""
